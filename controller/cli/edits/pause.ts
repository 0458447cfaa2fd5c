/** `vm-agent pause NAME` and `resume NAME`: set `paused:` in the agent's document; the rest of the file stays. */
import { EXIT } from "../../base/errors.ts";
import { createFleetEdits } from "./fleet-edits.ts";
import { readByLoop } from "./fleet-file.ts";
import { shownPath } from "../output/output.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";

export const pause: CommandRun = (invocation) => write(invocation, true);

export const resume: CommandRun = (invocation) => write(invocation, false);

async function write({ settings, output, args }: Invocation, paused: boolean): Promise<number> {
  const name = args[0] ?? "";
  const edited = await createFleetEdits(settings, output).setPaused(name, paused);
  const { changed, document } = edited;
  const inForce = await readByLoop(settings, edited.settings);
  if (output.json) {
    output.out(JSON.stringify({ agent: name, paused, changed, file: document, inForce }));
    return EXIT.done;
  }
  const what = paused ? "paused: observed and shown, not acted on" : "not paused: kept as it is written";
  if (!changed) output.out(`${name} was ${paused ? "paused" : "not paused"} already; no file was changed.`);
  else output.out(`${name} is ${what}. Written to ${shownPath(document)}.\n${inForce}`);
  return EXIT.done;
}
