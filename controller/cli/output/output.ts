/** Output of commands: tables, colour where the terminal has it, errors in three parts. */
import { relative } from "node:path";
import { stripVTControlCharacters, styleText } from "node:util";
import { EXIT, toVmAgentError } from "../../base/errors.ts";
import type { Line } from "../../views/lines.ts";
import { jsonText, printableText, terminalText } from "../../base/printable.ts";
import { textWidth } from "../../views/text-width.ts";
import { besideWaiting, waitNoMore } from "./waiting.ts";

export { age, counted } from "../../core/units.ts";

/** Role of a piece of text; the one place that maps roles to colours. */
export type Role = "plain" | "strong" | "dim" | "good" | "warn" | "bad" | "accent";

const STYLES = {
  plain: [],
  strong: ["bold"],
  dim: ["dim"],
  good: ["green"],
  warn: ["yellow"],
  bad: ["red"],
  accent: ["cyan"],
} as const satisfies Record<Role, readonly Parameters<typeof styleText>[0][]>;

export interface Output {
  readonly color: boolean;
  readonly isTTY: boolean;
  readonly width: number;
  readonly json: boolean;
  out(text: string): void;
  err(text: string): void;
  paint(role: Role, text: string): string;
}

export function createOutput(options: { readonly color: boolean; readonly json: boolean }): Output {
  const { stdout, stderr } = process;
  const color = options.color && stdout.isTTY === true;
  const safe = color ? terminalText : printableText;
  const shown = options.json ? jsonText : safe;
  return {
    color,
    isTTY: stdout.isTTY === true,
    width: stdout.columns || 100,
    json: options.json,
    out: (text) => besideWaiting(stderr, () => stdout.write(`${shown(text)}\n`)),
    err: (text) => besideWaiting(stderr, () => stderr.write(`${safe(text)}\n`)),
    paint: (role, text) => (color ? colored(role, printableText(text)) : text),
  };
}

/** Colour support was decided before. */
export const colored = (role: Role, text: string): string =>
  STYLES[role].reduce((t, style) => styleText(style, t, { validateStream: false }), text);

/** A printed line: painted, without trailing blanks. */
export const painted = (line: Line, { paint }: Pick<Output, "paint">): string =>
  line.map((s, i) => paint(s.role, i === line.length - 1 ? s.text.trimEnd() : s.text)).join("");

/** Columns as wide as their widest cell, the last one unpadded; cells may be painted. */
export function table(rows: readonly (readonly string[])[], gap = 2): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, textWidth(cell));
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          i === row.length - 1 ? cell : cell + " ".repeat((widths[i] ?? 0) - textWidth(cell) + gap),
        )
        .join("")
        .trimEnd(),
    )
    .join("\n");
}

/** Prints the error, its cause and the next step; returns the exit code. */
export function reportError(error: unknown, output: Output, debug: boolean): number {
  waitNoMore(process.stderr);
  const known = toVmAgentError(error);
  if (known.code === "cancelled") return EXIT.failed;
  if (output.json)
    output.out(JSON.stringify({ error: { code: known.code, message: known.message, next: known.next } }));
  // Errors of fleet files bring their own label each.
  const labelled = /^(?:error|warning):/.test(stripVTControlCharacters(known.message));
  output.err(labelled ? known.message : `${output.paint("bad", "error:")} ${known.message}`);
  if (known.next) output.err(`  ${known.next}`);
  if (debug && known.stack) output.err(known.stack);
  return known.exit;
}

/** The program's name as typed: a command run by npm is repeated with npx. */
export const programName = (env: Readonly<Record<string, string | undefined>>): string =>
  env.npm_execpath && ["npx", "start"].includes(env.npm_lifecycle_event ?? "") ? "npx vm-agent" : "vm-agent";

/** A path as a person would type it here: relative where that is shorter. */
export function shownPath(path: string): string {
  const here = relative(process.cwd(), path) || ".";
  return here.length < path.length ? here : path;
}
