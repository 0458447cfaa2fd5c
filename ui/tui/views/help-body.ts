/** The help, made from the table of keys and the table of commands. Pure. */
import { type Body, hasWords, textBody } from "./body.ts";
import { COMMANDS } from "../input/commands.ts";
import { KEYS, type KeyRow } from "../input/keys.ts";
import { type Line, line, span, textOf, wrap } from "./line.ts";

const GROUPS = [
  ["move", "Moving"],
  ["look", "Looking"],
  ["do", "Doing"],
  ["leave", "Help and leaving"],
] as const satisfies readonly (readonly [KeyRow["group"], string])[];

const KEY = 10;
const COMMAND = 28;

export function helpBody(options: { readonly width: number; readonly filter: string }): Body {
  const lines: Line[] = [];
  for (const [group, title] of GROUPS) {
    lines.push(line(span(title.toUpperCase(), { tone: "dim", bold: true })));
    for (const row of KEYS.filter((k) => k.group === group)) {
      // Where it is said in one word; the rest is as obvious as the line of hints.
      const where = row.where && row.where.length <= 2 ? `  (${row.where.join(", ")})` : "";
      const parts = wrap(`${row.help}${where}`, options.width - KEY - 5);
      lines.push(
        ...parts.map((part, i) =>
          line(span(`  ${(i === 0 ? row.shown : "").padEnd(KEY)}`, { bold: true }), part),
        ),
      );
    }
    lines.push([]);
  }
  lines.push(line(span("COMMANDS, AFTER A COLON", { tone: "dim", bold: true })));
  for (const { name, args, help } of COMMANDS)
    lines.push(line(span(`  ${`${name} ${args}`.padEnd(COMMAND)}`, { bold: true }), help));
  lines.push([], line(span("Without NAME: the agent that the cursor is on.", "dim")));
  const kept = lines.filter((l) => hasWords(textOf(l), options.filter));
  return textBody("Help", kept, [`Nothing in the help matches "${options.filter}".`], lines.length);
}
