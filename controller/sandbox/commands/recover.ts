// `recover`: a deleted instance is a stopped one again.
import type { Command } from "../frontend/command.ts";
import { collected, usage } from "../failure.ts";
import { update } from "../instances/instance.ts";
import { allInstances, findInstance, missing } from "../instances/instances.ts";

export const recover: Command = {
  options: [{ long: "all", help: "Recover all deleted instances" }],
  synopsis: "<name> [<name> ...]",
  summary: "Recover deleted instances",
  async run(call, args) {
    const all = args.has("all");
    if (all && args.positional.length > 0) throw usage("Cannot specify name when --all option set");
    if (!all && args.positional.length === 0) throw usage("Name argument or --all is required");
    await call.request(() => {
      const names = all ? allInstances().map(({ name }) => name) : args.positional;
      const complaints = names.filter((name) => !findInstance(name)).map(missing);
      if (complaints.length > 0) throw collected(...complaints);
      for (const name of names) {
        const instance = findInstance(name);
        if (instance?.deleted) update(instance, { deleted: false });
      }
    });
    return 0;
  },
};
