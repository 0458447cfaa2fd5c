// `launch`: checks, makes the instance's record, starts its first boot, and waits.
import { rmSync } from "node:fs";
import { freeAddress } from "../instances/addresses.ts";
import type { Command } from "../frontend/command.ts";
import type { Call } from "../call.ts";
import { duration } from "../frontend/durations.ts";
import { Refusal } from "../failure.ts";
import { writeJson } from "../files.ts";
import { userDataFile } from "../guest/cloud-init.ts";
import { type BootOrder, switchOn } from "../guest/power.ts";
import { resolveImage } from "../instances/images.ts";
import { type Instance, preparation, readInstance } from "../instances/instance.ts";
import { IMAGE_HELP, LAUNCH_OPTIONS } from "../instances/launch-options.ts";
import { type LaunchRequest, readLaunchRequest } from "../instances/launch-request.ts";
import { isValidName } from "../instances/names.ts";
import { instanceDir } from "../paths.ts";
import { randomName } from "../instances/random-name.ts";
import { retrieve } from "../instances/retrieval.ts";
import { Spinner } from "../frontend/spinner.ts";
import { interfaces } from "./read/networks.ts";
import { awaitLaunch } from "../wait.ts";

const MINIMUM_MEMORY = 128 * 1024 * 1024;
const MINIMUM_DISK = 512 * 1024 * 1024;

export const launch: Command = {
  options: LAUNCH_OPTIONS,
  synopsis: "[[<remote:>]<image> | <url>]",
  arguments: { image: IMAGE_HELP },
  summary: "Create and start a new instance",
  names: (args) => args.values("name"),
  async run(call, args) {
    return launchInstance(call, await readLaunchRequest(args));
  },
};

export async function launchInstance(call: Call, request: LaunchRequest): Promise<number> {
  const spinner = new Spinner();
  spinner.stop();
  try {
    const name = request.name ?? randomName();
    await fetchImage(call, request, name);
    const instance = await call.request(() => begin(call, request, name));
    const waited = await awaitLaunch(instance, spinner, request.timeout);
    if (waited !== 0) return waited;
    spinner.print(`Launched: ${name}\n`);
    await mountAll(call, request, name, spinner);
  } finally {
    spinner.stop();
  }
  return 0;
}

/** Errors in the request are reported by the daemon. */
async function fetchImage(call: Call, request: LaunchRequest, name: string): Promise<void> {
  let hash: string;
  try {
    check(request, name);
    hash = resolveImage(request.image).hash;
  } catch {
    return;
  }
  await retrieve(name, hash, call.fault?.fault === "slow-image" ? call.fault.ms : 0);
}

function begin(call: Call, request: LaunchRequest, name: string): Instance {
  check(request, name);
  const image = resolveImage(request.image);
  if (image.minimumDisk > request.disk) {
    throw new Refusal(
      `Requested disk (${request.disk} bytes) below minimum for this image (${image.minimumDisk} bytes)`,
    );
  }
  rmSync(instanceDir(name), { recursive: true, force: true });
  writeJson(userDataFile(name), request.userData);
  const { title, hash, custom } = image;
  const instance: Instance = {
    name,
    image: { title, hash, custom },
    cpus: request.cpus,
    memory: request.memory,
    disk: request.disk,
    power: "off",
    deleted: false,
    boot: null,
    address: freeAddress(),
    addressLost: call.fault?.fault === "lost-address",
    created: new Date().toISOString(),
    mounts: {},
    snapshots: [],
    snapshotsTaken: 0,
    clonesMade: 0,
    head: "",
    shutdownAt: null,
  };
  return switchOn(instance, bootOrder("launch", request.timeout, call));
}

/** How a boot is to go; faults that concern the guest are handed on to it. */
export function bootOrder(kind: BootOrder["kind"], timeout: number | undefined, call: Call): BootOrder {
  const patience = timeout === undefined ? duration("answer") : timeout * 1000;
  switch (call.fault?.fault) {
    case "timeout-leaves-instance":
    case "unknown-state":
      return { kind, patience: Math.min(patience, call.fault.ms || 300), fault: "never-answers" };
    case "slow-boot":
      return { kind, patience, delay: call.fault.ms };
    case "boot-crash":
      return { kind, patience, fault: "crashes" };
    case "cloud-init-error":
    case "no-network":
    case "no-node":
    case "service-fails":
      return {
        kind,
        patience,
        broken: { fault: call.fault.fault, message: call.fault.message ?? "simulated fault" },
      };
    default:
      return { kind, patience };
  }
}

/** Of several wrong arguments only one is named. */
function check(request: LaunchRequest, name: string): void {
  const invalid = (what: string): Refusal => new Refusal(`Invalid arguments supplied\n${what}`);
  if (!isValidName(name)) throw invalid(`Invalid instance name supplied: ${name}`);
  if (request.disk < MINIMUM_DISK) throw invalid(`Invalid disk size value supplied: ${request.diskText}.`);
  if (request.memory < MINIMUM_MEMORY)
    throw invalid(`Invalid memory size value supplied: ${request.memoryText}.`);
  const known = ["bridged", ...interfaces().map((it) => it.name)];
  if (!request.networks.every((it) => known.includes(it))) throw invalid("Invalid network options supplied");
  if (request.bridged) {
    throw new Refusal(
      'You have to `multipass set local.bridged-network=<name>` to use the "bridged" shortcut.',
    );
  }
  const present = readInstance(name);
  if (!present) return;
  const stage = preparation(present);
  if (stage === "preparing") throw new Refusal(`instance "${name}" is being prepared`);
  if (stage === undefined) throw new Refusal(`instance "${name}" already exists`);
}

async function mountAll(call: Call, request: LaunchRequest, name: string, spinner: Spinner): Promise<void> {
  if (request.mounts.length === 0) return;
  const { addMount } = await import("../instances/mounting.ts");
  for (const { source, target } of request.mounts) {
    spinner.stop();
    const path = await call.request(() => addMount(name, source, target, {}));
    spinner.print(`Mounted '${source}' into '${name}:${path}'\n`);
  }
}
