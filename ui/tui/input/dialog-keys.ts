/** What a key does while something is asked or typed. Pure. */
import type { Effect } from "../app/effects.ts";
import { completions } from "./commands.ts";
import type { Press } from "./press.ts";
import { type Dialog, type Ui, withSpot } from "../app/state.ts";
import { edit, typed } from "./typing.ts";

type Line = Extract<Dialog, { readonly kind: "line" }>;
type Choice = Extract<Dialog, { readonly kind: "choose" }>;

/** `entered`: a line that was typed to its end, or what was chosen. */
export interface DialogStep {
  readonly ui: Ui;
  readonly effects: readonly Effect[];
  readonly entered?: Line | Choice;
}

const stay = (ui: Ui, dialog: Dialog | null): DialogStep => ({ ui: { ...ui, dialog }, effects: [] });

export function pressInDialog(ui: Ui, dialog: Dialog, press: Press, agents: readonly string[]): DialogStep {
  if (press.name === "ctrl+c") return { ...cancelled(ui, dialog), effects: [] };
  if (press.name === "esc") return cancelled(ui, dialog);
  switch (dialog.kind) {
    case "sure":
      if (press.text === "y" || press.text === "Y") return agreed(ui, dialog.effect);
      if (press.text === "n" || press.text === "N" || press.text === "q") return stay(ui, null);
      return stay(ui, dialog);
    case "typed": {
      if (press.name === "enter") {
        if (dialog.typing.text === dialog.word) return agreed(ui, dialog.effect);
        const problem =
          dialog.typing.text === "" ? "" : `"${dialog.typing.text}" is not it; nothing was done`;
        return stay(ui, { ...dialog, typing: typed(""), problem });
      }
      const typing = edit(dialog.typing, press);
      return stay(ui, typing ? { ...dialog, typing, problem: "" } : dialog);
    }
    case "choose":
      return pressInChoice(ui, dialog, press);
    case "line":
      return pressInLine(ui, dialog, press, agents);
    default: {
      const never: never = dialog;
      return never;
    }
  }
}

/** Marks are for one order: what was ordered of all of them is done with. */
function agreed(ui: Ui, effect: Effect): DialogStep {
  const isForMarked = "agents" in effect && effect.agents.length > 1;
  return { ui: { ...ui, dialog: null, marked: isForMarked ? [] : ui.marked }, effects: [effect] };
}

function pressInChoice(ui: Ui, dialog: Choice, { name, text }: Press): DialogStep {
  if (name === "enter") return { ui: { ...ui, dialog: null }, effects: [], entered: dialog };
  if (text === "q") return stay(ui, null);
  const last = dialog.options.length - 1;
  const by = name === "up" || text === "k" ? -1 : name === "down" || text === "j" ? 1 : 0;
  const index =
    name === "home" || text === "g"
      ? 0
      : name === "end" || text === "G"
        ? last
        : Math.max(0, Math.min(last, dialog.index + by));
  return stay(ui, { ...dialog, index });
}

function cancelled(ui: Ui, dialog: Dialog): DialogStep {
  const closed = { ...ui, dialog: null };
  if (dialog.kind !== "line" || dialog.what !== "filter") return { ui: closed, effects: [] };
  return { ui: withSpot(closed, { filter: dialog.before }), effects: [] };
}

function pressInLine(ui: Ui, dialog: Line, press: Press, agents: readonly string[]): DialogStep {
  const { what, typing } = dialog;
  if (press.name === "enter") return { ui: { ...ui, dialog: null }, effects: [], entered: dialog };
  if (what === "command" && press.name === "tab") {
    const found = completions(typing.text, agents);
    const next = found.length === 1 ? found[0] : commonStart(found);
    return stay(
      ui,
      next && next.length > typing.text.trimStart().length ? { ...dialog, typing: typed(next) } : dialog,
    );
  }
  if ((what === "command" || what === "task") && (press.name === "up" || press.name === "down")) {
    const past = ui.typed[what];
    const back = Math.max(0, Math.min(past.length, dialog.back + (press.name === "up" ? 1 : -1)));
    return stay(ui, { ...dialog, back, typing: typed(back === 0 ? dialog.before : (past.at(-back) ?? "")) });
  }
  // An empty line has nothing to take back but itself.
  if (press.name === "backspace" && typing.text === "" && (what === "command" || what === "filter"))
    return cancelled(ui, { ...dialog, before: what === "filter" ? "" : dialog.before });
  const next = edit(typing, press);
  if (!next) return stay(ui, dialog);
  const step = stay(ui, { ...dialog, typing: next, problem: "" });
  // What is left is seen while it is typed.
  return what === "filter" ? { ...step, ui: withSpot(step.ui, { filter: next.text, top: 0 }) } : step;
}

function commonStart(texts: readonly string[]): string {
  const [first = "", ...rest] = texts;
  let end = first.length;
  for (const text of rest) while (!text.startsWith(first.slice(0, end))) end -= 1;
  return first.slice(0, end);
}
