/** `vm-agent pause NAME` and `resume NAME`: `paused:` in the agent's own document; everything else in the file stays as it is. */
import { readFileSync } from "node:fs";
import { EXIT } from "../base/errors.ts";
import { fieldOf, removeField, setField } from "./edit-yaml.ts";
import { type AgentDocument, editFile, findDocument, readFolder, whenInForce } from "./fleet-file.ts";
import { shownPath } from "./output.ts";
import type { CommandRun, Invocation } from "./run.ts";

const FIELD = "paused";

export const pause: CommandRun = async (invocation) => {
  const { settings, output, args } = invocation;
  const found = await findDocument(settings, output, args[0] ?? "", "pause");
  const changed =
    !found.agent.paused && editFile(found.path, (text) => setField(text, found.key, FIELD, true));
  return tell(invocation, found, true, changed);
};

export const resume: CommandRun = async (invocation) => {
  const { settings, output, args } = invocation;
  const found = await findDocument(settings, output, args[0] ?? "", "resume");
  const { key, path, agent } = found;
  if (!agent.paused) return tell(invocation, found, false, false);
  const own = fieldOf(readFileSync(path, "utf8"), key, FIELD);
  // A comment on the line says why it was paused, and is not ours to remove.
  const takeOut = own !== null && !own.commented;
  editFile(path, (text) => (takeOut ? removeField(text, key, FIELD) : setField(text, key, FIELD, false)));
  const isPaused = async () =>
    (await readFolder(settings, output)).agents.some((a) => a.document === key.name && a.paused);
  // Its profile pauses it too, so it has to say otherwise itself.
  if (takeOut && (await isPaused())) editFile(path, (text) => setField(text, key, FIELD, false));
  return tell(invocation, found, false, true);
};

async function tell(
  { settings, output }: Invocation,
  { agent, path, settings: fleet }: AgentDocument,
  paused: boolean,
  changed: boolean,
): Promise<number> {
  const name = agent.document;
  const inForce = await whenInForce(settings, fleet);
  if (output.json) {
    output.out(JSON.stringify({ agent: name, paused, changed, file: path, inForce }));
    return EXIT.done;
  }
  const what = paused ? "paused: observed and shown, not acted on" : "not paused: kept as it is written";
  if (!changed) output.out(`${name} was ${paused ? "paused" : "not paused"} already; nothing was written.`);
  else output.out(`${name} is ${what}. Written to ${shownPath(path)}.\n${inForce}`);
  return EXIT.done;
}
