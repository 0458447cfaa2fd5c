// `restore`: a stopped instance goes back to a snapshot.
import { inBackground } from "../background.ts";
import type { Command } from "../frontend/command.ts";
import { unhandled, usage } from "../failure.ts";
import { isMalformed, splitName } from "../instances/names.ts";
import { askYesNo } from "../frontend/prompt.ts";
import { restorable } from "../instances/snapshots.ts";
import { Spinner } from "../frontend/spinner.ts";

export const restore: Command = {
  options: [{ long: "destructive", short: "d", help: "Discard the current state of the instance" }],
  synopsis: "<instance>.<snapshot>",
  summary: "Restore an instance from a snapshot",
  names: (args) => args.positional.map((text) => splitName(text).instance),
  async run(call, args) {
    const [text, ...rest] = args.positional;
    if (text === undefined) throw usage("Need the name of an instance and snapshot to restore.");
    if (rest.length > 0) throw usage("Too many arguments supplied");
    const { instance, snapshot } = splitName(text);
    if (snapshot === undefined || isMalformed(text)) {
      throw usage(
        "Invalid format. Please specify the instance to restore and snapshot to use in the form <instance>.<snapshot>.",
      );
    }
    const spinner = new Spinner();
    spinner.stop();
    try {
      await call.request(() => restorable(instance, snapshot));
      const saveFirst = !args.has("destructive") && (await askToSave(instance));
      spinner.start("Restoring snapshot");
      const saved = await inBackground(call, { kind: "restore", instance, snapshot, saveFirst });
      if (saved !== "") spinner.print(`Snapshot taken: ${instance}.${saved}\n`);
      spinner.print(`Snapshot restored: ${text}\n`);
    } finally {
      spinner.stop();
    }
    return 0;
  },
};

async function askToSave(instance: string): Promise<boolean> {
  const answer = await askYesNo(
    `Do you want to take a snapshot of ${instance} before discarding its current state? (Yes/no): `,
  );
  if (answer !== undefined) return answer;
  throw unhandled(
    "Unable to query client for confirmation. Use '--destructive' to automatically discard current machine state.",
  );
}
