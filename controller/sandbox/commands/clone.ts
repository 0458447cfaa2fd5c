// `clone`: copies a stopped instance.
import { inBackground } from "../background.ts";
import type { Command } from "../frontend/command.ts";
import { usage } from "../failure.ts";
import { withSpinner } from "../frontend/spinner.ts";

export const clone: Command = {
  options: [
    {
      long: "name",
      short: "n",
      value: "destination-name",
      help: "Specify a custom name for the cloned instance.",
    },
  ],
  synopsis: "<source_name>",
  summary: "Clone an instance",
  async run(call, args) {
    const [instance, ...rest] = args.positional;
    if (instance === undefined) throw usage("Please provide the name of the source instance.");
    if (rest.length > 0) throw usage("Too many arguments supplied");
    await withSpinner(`Cloning ${instance}`, async (spinner) => {
      const name = await inBackground(call, { kind: "clone", instance, name: args.value("name") });
      spinner.print(`Cloned from ${instance} to ${name}.\n`);
    });
    return 0;
  },
};
