/** What is asked or typed, as lines above the last one. Pure. */
import { characters, textWidth, truncate } from "../../../controller/views/text-width.ts";
import { completions } from "../input/commands.ts";
import { highlighted, type Line, line, type Span, span, wrap } from "./line.ts";
import type { Dialog, Typing, Ui } from "../app/state.ts";

const STOPPED = "The instance is stopped for it and started again, if it runs.";

const PROMPTS = { filter: "/", command: ":", task: "task", snapshot: "snapshot" } as const;

/** `most`: lines that there is room for. */
export function dialogLines(ui: Ui, width: number, most: number): readonly Line[] {
  const { dialog } = ui;
  if (dialog === null) return [];
  const rule = line(span("─".repeat(width), "dim"));
  if (dialog.kind === "line") {
    const { what, agents, typing, problem } = dialog;
    const name = agents.length > 1 ? `${agents.length} agents` : (agents[0] ?? "");
    const whom =
      what === "task"
        ? ` for ${name} (a shell line, or JSON): `
        : what === "snapshot"
          ? ` of ${name}, called: `
          : "";
    const prompt = span(` ${PROMPTS[what]}${whom}`, { tone: "accent", bold: true });
    const found =
      what === "command"
        ? completions(typing.text, [])
            .map((c) => c.trim())
            .join(" ")
        : "";
    return [
      rule,
      ...(found === "" ? [] : wrap(found, width - 3).map((t) => line(span(`  ${t}`, "dim")))),
      ...(what === "snapshot" ? wrap(STOPPED, width - 2).map((t) => line(span(` ${t}`, "dim"))) : []),
      ...problemLines(problem, width),
      ...fieldLines(prompt, typing, width),
    ];
  }
  if (dialog.kind === "choose") return [rule, ...choiceLines(dialog, width, most - 1)];
  const tone = dialog.kind === "typed" ? "bad" : dialog.tone;
  const title = wrap(dialog.title, width - 2).map((t) => line(span(` ${t}`, { tone, bold: true })));
  const all = dialog.lines.flatMap((text) =>
    wrap(text, width - 6).map((t, i) => `${i === 0 ? "" : "  "}${t}`),
  );
  const room = Math.max(1, most - title.length - 3);
  const shown =
    all.length > room ? [...all.slice(0, room - 1), `… and ${all.length - room + 1} more lines`] : all;
  const lines = [rule, ...title, ...shown.map((t) => line(`   ${t}`))];
  if (dialog.kind === "sure") return lines;
  const prompt = span(` type ${dialog.word} to go on: `, { bold: true });
  return [...lines, ...problemLines(dialog.problem, width), ...fieldLines(prompt, dialog.typing, width)];
}

/** As many of what can be chosen as there is room for, around the one that is. */
function choiceLines(
  { title, options, index }: Extract<Dialog, { readonly kind: "choose" }>,
  width: number,
  most: number,
): readonly Line[] {
  const room = Math.max(1, most - 2);
  const from = Math.max(0, Math.min(index - Math.floor(room / 2), options.length - room));
  const head = options.length > room ? `${title}  ${index + 1} of ${options.length}` : title;
  return [
    line(span(` ${head}`, { tone: "accent", bold: true })),
    ...options
      .slice(from, from + room)
      .map((o, i) => (from + i === index ? highlighted(line(" ▸ ", o), width) : line("   ", o))),
  ];
}

const problemLines = (problem: string, width: number): readonly Line[] =>
  problem === ""
    ? []
    : wrap(problem, width - 4).map((t, i) => line(span(` ${i === 0 ? "✗" : " "} ${t}`, "bad")));

/** What is typed has at least half of a line: below a question that takes more. */
function fieldLines(prompt: Span, typing: Typing, width: number): readonly Line[] {
  const size = textWidth(prompt.text);
  if (size <= width / 2) return [line(prompt, ...typingSpans(typing, width - size - 1))];
  const asked = wrap(prompt.text.trim(), width - 2).map((t) => line({ ...prompt, text: ` ${t}` }));
  return [...asked, line(" ", ...typingSpans(typing, width - 2))];
}

/** The end of a long line is what is being typed. What is only proposed is marked as a whole, as it is replaced as a whole. */
function typingSpans({ text, cursor, isOffer }: Typing, width: number): readonly Span[] {
  if (isOffer && text !== "") return [span(truncate(text, width), { inverse: true }), span(" ")];
  const before = tail(text.slice(0, cursor), Math.max(4, width) - 1);
  const [under = " "] = characters(text.slice(cursor));
  const after = text.slice(cursor + (cursor < text.length ? under.length : 0));
  return [span(before), span(under, { inverse: true }), span(after)];
}

/** The last letters, in at most `width` columns; a dot marks that the beginning is cut off. */
function tail(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const letters = characters(text);
  let from = letters.length;
  for (let left = width - 1; from > 0; from--) {
    left -= textWidth(letters[from - 1] ?? "");
    if (left < 0) break;
  }
  return `…${letters.slice(from).join("")}`;
}
