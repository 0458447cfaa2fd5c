// `mount`: a folder of the host appears in instances.
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "../frontend/command.ts";
import { usage } from "../failure.ts";
import { addMount } from "../instances/mounting.ts";
import { Spinner } from "../frontend/spinner.ts";

export const mount: Command = {
  options: [
    {
      long: "gid-map",
      short: "g",
      value: "host>:<instance",
      help: "A mapping of group IDs for use in the mount.",
    },
    {
      long: "uid-map",
      short: "u",
      value: "host>:<instance",
      help: "A mapping of user IDs for use in the mount.",
    },
    {
      long: "type",
      short: "t",
      value: "type",
      help: "Specify the type of mount to use. Valid types are: 'classic' (default) and 'native'.",
    },
  ],
  synopsis: "<source> <target> [<target> ...]",
  summary: "Mount a local directory in the instance",
  names: (args) => args.positional.slice(1).map((target) => target.split(":")[0] ?? ""),
  async run(call, args) {
    const [from, ...targets] = args.positional;
    if (from === undefined || targets.length === 0) throw usage("Not enough arguments given");
    const source = resolve(from);
    if (!existsSync(source)) throw usage(`Source path "${from}" does not exist`);
    if (!statSync(source).isDirectory()) throw usage(`Source path "${from}" is not a directory`);
    const kind = args.value("type") ?? "classic";
    if (kind !== "classic" && kind !== "native")
      throw usage(`Bad mount type '${kind}' specified, please use 'classic' or 'native'`);
    const uids = args.values("uid-map").map((map) => checkMap(map, "UID"));
    const gids = args.values("gid-map").map((map) => checkMap(map, "GID"));
    const spinner = new Spinner();
    spinner.stop();
    try {
      await call.request(() => {
        for (const text of targets) {
          const colon = text.indexOf(":");
          const name = colon < 0 ? text : text.slice(0, colon);
          addMount(name, source, colon < 0 ? undefined : text.slice(colon + 1), { uids, gids, kind });
        }
      });
    } finally {
      spinner.stop();
    }
    return 0;
  },
};

function checkMap(text: string, what: "UID" | "GID"): string {
  if (!/^\d+:\d+$/.test(text)) throw usage(`Invalid ${what} map given: ${text}`);
  return text;
}
