// `snapshot`: keeps a copy of a stopped instance.
import { inBackground } from "../background.ts";
import type { Command } from "../frontend/command.ts";
import { usage } from "../failure.ts";
import { withSpinner } from "../frontend/spinner.ts";

export const snapshot: Command = {
  options: [
    {
      long: "name",
      short: "n",
      value: "name",
      help: "An optional name for the snapshot, subject to the same validity rules as instance names.",
    },
    {
      long: "comment",
      short: "cm",
      value: "comment",
      help: "An optional free comment to associate with the snapshot.",
    },
  ],
  synopsis: "<instance>",
  summary: "Take a snapshot of an instance",
  async run(call, args) {
    const [instance, ...rest] = args.positional;
    if (instance === undefined) throw usage("Need the name of an instance to snapshot.");
    if (rest.length > 0) throw usage("Too many arguments supplied");
    const work = {
      kind: "snapshot",
      instance,
      name: args.value("name"),
      comment: args.value("comment") ?? "",
    } as const;
    await withSpinner("Taking snapshot", async (spinner) => {
      const name = await inBackground(call, work);
      spinner.print(`Snapshot taken: ${instance}.${name}\n`);
    });
    return 0;
  },
};
