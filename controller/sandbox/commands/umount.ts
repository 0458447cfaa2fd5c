// `umount`: a folder of the host disappears from instances.
import type { Command } from "../frontend/command.ts";
import { usage } from "../failure.ts";
import { removeMount } from "../instances/mounting.ts";

export const umount: Command = {
  options: [],
  synopsis: "<mount> [<mount> ...]",
  summary: "Unmount a directory from an instance",
  names: (args) => args.positional.map((target) => target.split(":")[0] ?? ""),
  async run(call, args) {
    if (args.positional.length === 0) throw usage("Not enough arguments given");
    await call.request(() => {
      for (const text of args.positional) {
        const colon = text.indexOf(":");
        removeMount(colon < 0 ? text : text.slice(0, colon), colon < 0 ? undefined : text.slice(colon + 1));
      }
    });
    return 0;
  },
};
