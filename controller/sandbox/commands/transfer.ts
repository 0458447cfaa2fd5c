// `transfer`: files between the host and a running instance's tree.
import type { Arguments, Command } from "../frontend/command.ts";
import { collected, logLine, Refusal, usage } from "../failure.ts";
import { type Instance, powerState } from "../instances/instance.ts";
import { findInstance, isDeleted, missing } from "../instances/instances.ts";
import { download, TransferError, upload } from "../instances/transferring.ts";

interface Place {
  /** Undefined: a path of the host, or "-". */
  readonly instance: string | undefined;
  readonly path: string;
}

export const transfer: Command = {
  options: [
    { long: "recursive", short: "r", help: "Recursively copy entire directories" },
    { long: "parents", short: "p", help: "Make parent directories as needed" },
  ],
  synopsis: "<source> [<source> ...] <destination>",
  summary: "Transfer files between the host and instances",
  names: (args) => args.positional.flatMap((text) => place(text).instance ?? []),
  async run(call, args) {
    const places = args.positional.map(place);
    const target = places.at(-1);
    const sources = places.slice(0, -1);
    if (!target || sources.length === 0) throw usage("Not enough arguments given");
    checkSides(args, sources, target);
    const names = places.flatMap(({ instance }) => instance ?? []);
    await call.request(() => running(names));
    const options = { recursive: args.has("recursive"), parents: args.has("parents") };
    let failed = false;
    for (const source of sources) {
      try {
        if (target.instance !== undefined) upload(source.path, target.instance, target.path, options);
        else download(source.instance ?? "", source.path, target.path, options);
      } catch (error) {
        if (!(error instanceof TransferError)) throw error;
        failed = true;
        process.stderr.write(`${logLine("sftp", error.message)}\n`);
      }
    }
    return failed ? 2 : 0;
  },
};

function place(text: string): Place {
  const colon = text.indexOf(":");
  return colon < 0
    ? { instance: undefined, path: text }
    : { instance: text.slice(0, colon), path: text.slice(colon + 1) };
}

function checkSides(args: Arguments, sources: readonly Place[], target: Place): void {
  const fromInstance = sources.some(({ instance }) => instance !== undefined);
  if (fromInstance && target.instance !== undefined) {
    throw usage("Cannot specify an instance name for both source and destination");
  }
  if (!fromInstance && target.instance === undefined) {
    throw usage("An instance name is needed for either source or destination");
  }
  if (args.positional.length > 2 && args.positional.includes("-")) {
    throw usage("Only one source can be given when using stdin or stdout");
  }
}

function running(names: readonly string[]): readonly Instance[] {
  return [...new Set(names)].map((name) => {
    const instance = findInstance(name);
    if (!instance) throw collected(missing(name));
    if (instance.deleted) throw collected(isDeleted(name));
    const state = powerState(instance);
    if (state === "Running" || state === "Delayed Shutdown") return instance;
    throw state === "Unknown"
      ? new Refusal("Cannot retrieve credentials in unknown state")
      : new Refusal(`instance "${name}" is not running`);
  });
}
