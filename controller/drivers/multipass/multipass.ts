/**
 * The Multipass driver: the `multipass` command line, or another executable with the same interface, used as CONTRACT
 * says.
 */
import { statfs } from "node:fs/promises";
import { availableParallelism, homedir, totalmem } from "node:os";
import { toVmAgentError, VmAgentError } from "../../base/errors.ts";
import type { Size } from "../../core/types.ts";
import type { Driver, Observation } from "../driver.ts";
import { createTail, shownGuest, unwrapGuest, wrapGuest } from "./guest.ts";
import { type CallDeps, createCall, DEADLINES, type Deadlines } from "./call.ts";
import {
  NAME,
  type Parsed,
  parseCpus,
  parseFind,
  parseInfo,
  parseList,
  parseSize,
  parseSnapshots,
  parseVersion,
  shownSize,
} from "./parse.ts";
import { createProgressReader, stripControls } from "./progress.ts";

export interface MultipassDeps extends CallDeps {
  readonly deadlines?: Deadlines;
}

export function createMultipassDriver(deps: MultipassDeps): Driver {
  const call = createCall(deps);
  const { look, change, exec, launchExtra } = deps.deadlines ?? DEADLINES;

  const looking = (signal?: AbortSignal) => ({ deadlineMs: look, signal });
  const changing = (signal?: AbortSignal, settled: readonly string[] = []) => ({
    deadlineMs: change,
    signal,
    settled,
  });

  const list = async (signal?: AbortSignal): Promise<Observation> => {
    try {
      // Without --no-ipv4 it would look into every running guest, and an unresponsive one wedges the daemon (CONTRACT
      // section 16).
      const result = await call(["list", "--no-ipv4", "--format", "json"], looking(signal));
      const parsed = parseList(result.stdout);
      if (parsed.ok) return { kind: "seen", instances: parsed.value };
      return { kind: "unobservable", reason: `multipass list: ${parsed.reason}`, next: REPEAT };
    } catch (error) {
      const { message, next } = toVmAgentError(error);
      return { kind: "unobservable", reason: message, next };
    }
  };

  const detailOf = async (name: string, signal?: AbortSignal) => {
    check(name);
    const result = await call(["info", name, "--format", "json"], changing(signal));
    const detail = need(`info ${name}`, parseInfo(result.stdout)).get(name);
    if (detail === undefined) throw unreadable(`info ${name}`, `the answer does not speak of ${name}`);
    return detail;
  };

  let primary: Promise<string> | null = null;
  /** Read once: the client answers it alone, and a launch does not fail without it. */
  const primaryName = (): Promise<string> => {
    primary ??= call(["get", "client.primary-name"], looking()).then(
      ({ stdout }) => stripControls(stdout).trim(),
      () => PRIMARY,
    );
    return primary;
  };

  return {
    can: { suspend: true, resize: true, mounts: true, snapshots: true },

    async info(signal) {
      const result = await call(["version", "--format", "json"], looking(signal));
      const version = need("version", parseVersion(result.stdout));
      return {
        name: version.sandbox ? "sandbox" : "multipass",
        version: version.daemon ?? version.client,
        daemonAnswers: version.daemon !== null,
        sandbox: version.sandbox,
      };
    },

    list,

    async size(name, signal): Promise<Size> {
      check(name);
      // In sequence: the daemon serialises them anyway, and a missing instance costs one call, not three.
      const get = async (key: string) =>
        (await call(["get", `local.${name}.${key}`], looking(signal))).stdout;
      const cpu = need(`get ${name}`, parseCpus(await get("cpus")));
      const memory = need(`get ${name}`, parseSize(await get("memory")));
      const disk = need(`get ${name}`, parseSize(await get("disk")));
      return { cpu, memory, disk };
    },

    shownSize: (size) => ({ cpu: size.cpu, memory: shownSize(size.memory), disk: shownSize(size.disk) }),

    async snapshots(signal) {
      const result = await call(["list", "--snapshots", "--format", "json"], looking(signal));
      return need("list --snapshots", parseSnapshots(result.stdout));
    },

    mounts: async (name, signal) => (await detailOf(name, signal)).mounts,

    imageHash: async (name, signal) => (await detailOf(name, signal)).imageHash,

    async find(image, signal) {
      if (image.startsWith("-")) throw invalid(`${JSON.stringify(image)} is not the name of an image`);
      const args = ["find", image, "--show-unsupported", "--only-images", "--format", "json"] as const;
      return need(`find ${image}`, parseFind((await call(args, looking(signal))).stdout));
    },

    async launch(spec, userData, onProgress, signal) {
      const { image, name, size, timeoutSeconds } = spec;
      const problem = launchProblem(name, image) ?? (name === (await primaryName()) ? getsHome(name) : null);
      if (problem !== null) throw invalid(problem, "launch-refused");
      await call(
        [
          "launch",
          ...(image === undefined ? [] : [image]),
          ...["--name", name],
          ...["--cpus", String(size.cpu)],
          ...["--memory", String(size.memory)],
          ...["--disk", String(size.disk)],
          // Standard input, because a confined Multipass cannot read our files and arguments are visible to all
          // (CONTRACT section 8).
          ...["--cloud-init", "-"],
          ...["--timeout", String(timeoutSeconds)],
        ],
        {
          deadlineMs: timeoutSeconds * 2000 + launchExtra,
          input: userData,
          signal,
          onStdout: onProgress === undefined ? undefined : createProgressReader(onProgress),
        },
      );
    },

    async start(name, signal) {
      check(name);
      // By default the daemon allows a boot 300 s; a longer deadline for changes means a slow machine.
      const seconds = Math.floor(change / 1000) - START_MARGIN;
      const patient = seconds > DAEMON_START ? ["--timeout", String(seconds)] : [];
      await call(["start", name, ...patient], changing(signal));
    },

    async stop(name, options, signal) {
      check(name);
      await call(options.force ? ["stop", "--force", name] : ["stop", name], changing(signal));
    },

    async suspend(name, signal) {
      check(name);
      await call(["suspend", name], changing(signal));
      // It exits 0 and does nothing in Stopped and Unknown (CONTRACT section 9).
      const seen = await list(signal);
      if (seen.kind === "unobservable") {
        throw unreadable(`suspend ${name}`, `whether it is suspended cannot be seen: ${seen.reason}`);
      }
      const state = seen.instances.find((instance) => instance.name === name)?.state ?? "absent";
      if (state === "Suspended" || state === "Suspending") return;
      throw new VmAgentError({
        code: "wrong-state",
        message: `multipass suspend ${name} had no effect: the instance is ${state}`,
        next: "start it first: only a running instance can be suspended",
        transient: true,
      });
    },

    async recover(name, signal) {
      check(name);
      await call(["recover", name], changing(signal));
    },

    async resize(name, field, value, signal) {
      check(name);
      const key = field === "cpu" ? "cpus" : field;
      await call(["set", `local.${name}.${key}=${value}`], changing(signal));
    },

    async snapshot(name, snapshot, comment, signal) {
      check(name, snapshot);
      const remark = comment === "" ? [] : ["--comment", comment];
      await call(["snapshot", name, "--name", snapshot, ...remark], changing(signal, ["snapshot-exists"]));
    },

    async removeSnapshot(name, snapshot, signal) {
      check(name, snapshot);
      // Without --purge the client would prompt and fail (CONTRACT section 9). Removing an instance removes its
      // snapshots too.
      const gone = ["snapshot-missing", "instance-missing"];
      await call(["delete", `${name}.${snapshot}`, "--purge"], changing(signal, gone));
    },

    async restore(name, snapshot, signal) {
      check(name, snapshot);
      await call(["restore", `${name}.${snapshot}`, "--destructive"], changing(signal));
    },

    async mount(name, mount, signal) {
      check(name);
      if (mount.source.startsWith("-")) throw invalid(`${JSON.stringify(mount.source)} is not a folder`);
      await call(["mount", mount.source, `${name}:${mount.target}`], changing(signal, ["already-mounted"]));
    },

    async unmount(name, target, signal) {
      check(name);
      await call(["umount", `${name}:${target}`], changing(signal, ["not-mounted"]));
    },

    async remove(name, signal) {
      check(name);
      // Kills at once and works in every state; a plain delete of a booting guest blocks the daemon (CONTRACT section
      // 9).
      await call(["delete", "--purge", name], changing(signal, ["instance-missing"]));
    },

    async exec(name, state, argv, signal, input) {
      check(name);
      if (state !== "Running") {
        throw new VmAgentError({
          code: "not-running",
          message: `${name} is ${state}, so nothing can be run in it`,
          next: "start it first: `exec` of Multipass would do that by itself, unasked",
        });
      }
      if (argv.length === 0) throw invalid("no command is given");
      const marker = Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("hex");
      const tail = createTail();
      // The guest's exit code comes in band, so an exit code of the call is Multipass's own (CONTRACT section 1).
      const result = await call(
        ["exec", name, "--no-map-working-directory", "--", ...wrapGuest(argv, marker)],
        {
          deadlineMs: exec,
          signal,
          onStdout: tail.add,
          shown: shownGuest(name, argv),
          ...(input !== undefined && { input }),
        },
      );
      return unwrapGuest(result, tail.text(), marker);
    },

    /** This machine, where the instances are; its disk is the one with the home folder. */
    async host() {
      const { blocks, bsize } = await statfs(homedir());
      return { cpu: availableParallelism(), memory: totalmem(), disk: blocks * bsize };
    },
  };
}

const REPEAT =
  "nothing is decided on it; it is read again at the next turn. If it stays, run `vm-agent doctor`";

/** Seconds that the daemon allows a boot, and how much earlier than our deadline it must answer. */
const DAEMON_START = 300;
const START_MARGIN = 30;

/** Default of `client.primary-name`. */
const PRIMARY = "primary";

/** Multipass mounts the user's home folder into an instance of this name (CONTRACT section 8). */
const getsHome = (name: string): string =>
  `${name} is the name that gets the home folder of this user mounted (client.primary-name)`;

function launchProblem(name: string, image: string | undefined): string | null {
  if (!NAME.test(name)) return `${JSON.stringify(name)} is not a name`;
  if (name === PRIMARY) return getsHome(name);
  // A word that begins with a dash would be read as an option.
  return image?.startsWith("-") ? `${JSON.stringify(image)} is not an image` : null;
}

/**
 * Names reach the arguments, so the rule of CONTRACT section 3 is checked again here: no name can pass for an option.
 */
function check(...names: readonly string[]): void {
  for (const name of names) if (!NAME.test(name)) throw invalid(`${JSON.stringify(name)} is not a name`);
}

function invalid(message: string, code = "invalid-argument"): VmAgentError {
  return new VmAgentError({
    code,
    message,
    next: "names are letters, digits and dashes, begin with a letter and do not end with a dash; images and paths do not begin with a dash",
  });
}

function unreadable(command: string, reason: string): VmAgentError {
  return new VmAgentError({
    code: "driver-failed",
    message: `multipass ${command}: ${reason}`,
    next: REPEAT,
    transient: true,
  });
}

function need<T>(command: string, parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw unreadable(command, parsed.reason);
}
