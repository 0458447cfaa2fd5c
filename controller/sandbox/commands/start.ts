// `start`: boots, resumes, or takes back a delayed shutdown.
import type { Command } from "../frontend/command.ts";
import type { Call } from "../call.ts";
import { collected, Refusal, usage } from "../failure.ts";
import { resume, switchOn } from "../guest/power.ts";
import { type Instance, powerState, update } from "../instances/instance.ts";
import { allInstances, findInstance } from "../instances/instances.ts";
import { readTimeout } from "../instances/launch-request.ts";
import { signal } from "../processes.ts";
import { primaryName } from "../settings.ts";
import { Spinner } from "../frontend/spinner.ts";
import { awaitStarts } from "../wait.ts";
import { bootOrder } from "./launch.ts";

export const start: Command = {
  options: [
    { long: "all", help: "Start all instances" },
    {
      long: "timeout",
      value: "timeout",
      help: "Maximum time, in seconds, to wait for the command to complete.",
    },
  ],
  synopsis: "[<name> ...]",
  summary: "Start instances",
  async run(call, args) {
    const all = args.has("all");
    if (all && args.positional.length > 0) throw usage("Cannot specify name when --all option set");
    const timeout = readTimeout(args);
    const names = args.positional.length > 0 || all ? args.positional : [primaryName()];
    if (!all && args.positional.length === 0 && !findInstance(names[0] ?? "")) {
      const { launchInstance } = await import("./launch.ts");
      const { readLaunchRequest } = await import("../instances/launch-request.ts");
      const { parseArguments } = await import("../frontend/arguments.ts");
      return launchInstance(
        call,
        await readLaunchRequest(
          parseArguments(["--name", names[0] ?? "primary"], [{ long: "name", value: "name" }]),
        ),
      );
    }
    return startInstances(call, names, all, timeout);
  },
};

export async function startInstances(
  call: Call,
  names: readonly string[],
  all: boolean,
  timeout: number | undefined,
): Promise<number> {
  const spinner = new Spinner();
  spinner.start(`Starting ${names.length === 1 && !all ? names[0] : "requested instances"}`);
  try {
    const booting = await call.request(() => begin(call, all ? undefined : names, timeout));
    const code = await awaitStarts(booting, timeout);
    spinner.stop();
    if (code !== 0) return code;
  } catch (error) {
    spinner.stop();
    spinner.stop();
    throw error;
  }
  spinner.stop();
  return 0;
}

/** Every instance that boots now, or whose boot is already under way. */
function begin(
  call: Call,
  names: readonly string[] | undefined,
  timeout: number | undefined,
): readonly Instance[] {
  const instances = names ? existing(names) : allInstances().filter(({ deleted }) => !deleted);
  const complaints: string[] = [];
  const waiting: Instance[] = [];
  for (const instance of instances) {
    switch (powerState(instance)) {
      case "Unknown":
        complaints.push(
          `Instance '${instance.name}' is already running, but in an unknown state.\nTry to stop it first.`,
        );
        break;
      case "Suspending":
        complaints.push(`Cannot start the instance '${instance.name}' while suspending.`);
        break;
      case "Suspended":
        resume(instance);
        break;
      case "Stopped":
        waiting.push(switchOn(instance, bootOrder("start", timeout, call)));
        break;
      case "Delayed Shutdown": {
        const next = update(instance, { shutdownAt: null });
        if (next.boot) signal(next.boot.process.pid, "SIGUSR2");
        break;
      }
      case "Starting":
      case "Restarting":
        waiting.push(instance);
        break;
      default:
        break;
    }
  }
  if (complaints.length > 0) throw collected(...complaints);
  return waiting;
}

function existing(names: readonly string[]): readonly Instance[] {
  const found: Instance[] = [];
  let complaints = "";
  for (const name of new Set(names)) {
    const instance = findInstance(name);
    if (!instance) complaints += `Instance '${name}' does not exist.\n`;
    else if (instance.deleted) {
      complaints += `Instance '${name}' is deleted. Use 'recover' to recover it or 'purge' to permanently delete it.\n`;
    } else found.push(instance);
  }
  if (complaints !== "") throw new Refusal(`instance(s) missing\n${complaints}`);
  return found;
}
