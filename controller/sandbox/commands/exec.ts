// `exec` and `shell`: run a program in an instance, which is started for it where need be.
import type { Arguments, Command } from "../frontend/command.ts";
import type { Call } from "../call.ts";
import { collected, Exit, Refusal, usage } from "../failure.ts";
import { isolation } from "../guest/isolation.ts";
import { hostWord } from "../guest/program.ts";
import { runInGuest } from "../guest/run.ts";
import { type Instance, powerState } from "../instances/instance.ts";
import { findInstance, isDeleted, missing } from "../instances/instances.ts";
import { readTimeout } from "../instances/launch-request.ts";
import { write } from "../frontend/output.ts";
import { guestRoot } from "../paths.ts";
import { primaryName } from "../settings.ts";

export const exec: Command = {
  options: [
    { long: "working-directory", short: "d", value: "dir", help: "Change to <dir> before execution" },
    {
      long: "no-map-working-directory",
      short: "n",
      help: "Do not map the host execution path to a mounted path",
    },
  ],
  synopsis: "<name> [--] <command>",
  summary: "Run a command on an instance",
  names: (args) => args.positional.slice(0, 1),
  async run(call, args) {
    const [name, ...command] = args.positional;
    if (name === undefined || command.length === 0) throw usage("Wrong number of arguments");
    const directory = await workingDirectory(call, args, name);
    const instance = await readyInstance(call, name, undefined);
    const cage = isolation();
    const place = (word: string): string => (cage.bwrap ? word : hostWord(guestRoot(name), word));
    const words = command.map(place);
    const quoted =
      directory !== undefined && words[0] === "sudo" ? words.join(" ") : words.map(quote).join(" ");
    const line = directory === undefined ? quoted : `cd ${quote(place(directory))} && ${quoted}`;
    return runInGuest(instance, cage, ["bash", "-c", line]);
  },
};

export const shell: Command = {
  options: [
    {
      long: "timeout",
      value: "timeout",
      help: "Maximum time, in seconds, to wait for the command to complete.",
    },
  ],
  synopsis: "[<name>]",
  summary: "Open a shell on an instance",
  names: (args) => args.positional.slice(0, 1),
  async run(call, args) {
    if (args.positional.length > 1) throw usage("Too many arguments supplied");
    const timeout = readTimeout(args);
    const name = args.positional[0] ?? primaryName();
    const instance = await readyInstance(call, name, timeout);
    write(1, `Welcome to ${name}, an instance of the vm-agent sandbox: not a virtual machine.\n`);
    await runInGuest(instance, isolation(), ["bash", "-l"]);
    return 0;
  },
};

/** The directory to change to: the one given, or where the client's own lies inside the instance. */
async function workingDirectory(call: Call, args: Arguments, name: string): Promise<string | undefined> {
  if (args.has("working-directory")) return args.value("working-directory");
  if (args.has("no-map-working-directory")) return undefined;
  try {
    const instance = await call.request(() => {
      const found = findInstance(name);
      if (!found) throw collected(missing(name));
      return found;
    });
    return mapped(instance, process.cwd());
  } catch (error) {
    // The client asks twice (info, then ssh_info) and complains twice.
    if (error instanceof Refusal) write(2, `exec failed: ${error.message}\n`);
    else throw error;
    return undefined;
  }
}

function mapped(instance: Instance, cwd: string): string | undefined {
  for (const [target, { source }] of Object.entries(instance.mounts)) {
    if (cwd === source || cwd.startsWith(`${source}/`)) return `${target}${cwd.slice(source.length)}`;
  }
  return undefined;
}

const LAST_MINUTE = 60_000;

/** A running instance; one that is off is started first, with the spinner on stdout. */
async function readyInstance(call: Call, name: string, timeout: number | undefined): Promise<Instance> {
  const running = await call.request(() => credentials(name));
  if (running) return running;
  const { startInstances } = await import("./start.ts");
  let code: number;
  try {
    code = await startInstances(call, [name], false, timeout);
  } catch (error) {
    if (error instanceof Refusal) throw new Exit(2, `start failed: ${error.message}\n`);
    throw error;
  }
  if (code !== 0) throw new Exit(code);
  const started = await call.request(() => credentials(name));
  if (!started) throw new Refusal(`instance "${name}" is not running`);
  return started;
}

/** The instance if ssh is possible, undefined if it has to be started first. */
function credentials(name: string): Instance | undefined {
  const instance = findInstance(name);
  if (!instance) throw collected(missing(name));
  if (instance.deleted) throw collected(isDeleted(name));
  switch (powerState(instance)) {
    case "Running":
      return instance;
    case "Delayed Shutdown":
      if ((instance.shutdownAt ?? 0) - Date.now() > LAST_MINUTE) return instance;
      throw new Refusal(
        `"${name}" is scheduled to shut down in less than a minute, use 'multipass stop --cancel ${name}' to cancel the shutdown.`,
      );
    case "Unknown":
      throw new Refusal("Cannot retrieve credentials in unknown state");
    default:
      return undefined;
  }
}

const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
