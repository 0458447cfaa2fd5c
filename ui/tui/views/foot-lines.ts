/** The last lines: what was just said, in full, and which keys there are here. Pure. */
import { textWidth } from "../../../controller/views/text-width.ts";
import { findAgent } from "../../client/model.ts";
import type { ActionId } from "../input/actions.ts";
import { agentAt, openTaskAt } from "./bodies.ts";
import type { Body } from "./body.ts";
import { isThere, KEYS, type KeyRow, type Where } from "../input/keys.ts";
import { type Line, line, type Span, span, wrap } from "./line.ts";
import { targetsOf } from "../input/marks.ts";
import { NEEDS_AGENT, toggled } from "../input/agent-orders.ts";
import { type Dialog, type Notice, placeOf, type Ui } from "../app/state.ts";
import type { World } from "../app/world.ts";

/** How long something that was said stays; a long sentence takes longer to read. */
export const noticeMs = ({ text }: Pick<Notice, "text">): number => Math.max(8000, text.length * 80);

/** Of a sentence that is longer, its end is left out. */
const MOST = 4;

export function noticeLines({ notice, dialog, columns: width }: Ui, now: number): readonly Line[] {
  if (!notice || dialog !== null || now - notice.at >= noticeMs(notice)) return [];
  const parts = wrap(notice.text, width - 2);
  return parts.slice(0, MOST).map((part, i) =>
    line(
      " ",
      span(i === MOST - 1 && parts.length > MOST ? `${part.slice(0, -1)}…` : part, {
        tone: notice.tone,
        bold: true,
      }),
    ),
  );
}

export function footLine(ui: Ui, body: Body, world: World): Line {
  const { dialog, columns: width } = ui;
  if (dialog !== null) return line(span(` ${dialogHint(dialog)}`, "dim"));
  if (world.stopping)
    return line(span(" ◐ stopping: running steps are finished; Ctrl-C again stops at once", "warn"));
  const hints: Span[] = [];
  let used = 1;
  const { first, always } = hintsAt(ui, body, world);
  // Help and leaving are never the ones that are left out.
  const reserved = always.reduce((sum, h) => sum + sizeOf(h), 0);
  for (const hint of first) {
    if (used + sizeOf(hint) > width - reserved) continue;
    hints.push(...spansOf(hint));
    used += sizeOf(hint);
  }
  return line(" ", ...hints, ...always.flatMap(spansOf));
}

export interface Hint {
  readonly id: ActionId;
  readonly key: string;
  readonly word: string;
}

const sizeOf = ({ key, word }: Hint): number => textWidth(key) + textWidth(word) + 3;
const spansOf = ({ key, word }: Hint): readonly Span[] => [
  span(key, { bold: true }),
  span(` ${word}  `, "dim"),
];

/** The most likely next keys come first; the rest is in the help. */
const NEXT: Readonly<Record<Where, readonly ActionId[]>> = {
  fleet: ["open", "apply", "logs", "task", "stop", "shell", "filter", "mark", "plan", "command", "order"],
  agent: ["logs", "task", "stop", "shell", "filter", "snapshot", "restore", "pause", "plan", "destroy"],
  plan: ["apply", "allow", "open", "filter", "reconcile", "command"],
  tasks: ["open", "cancel", "filter", "task", "logs", "command"],
  events: ["wrap", "filter", "verbose", "follow", "command", "plan"],
  commands: ["wrap", "filter", "follow", "command", "plan"],
  logs: ["wrap", "filter", "follow", "task", "shell", "stop", "command"],
  task: ["wrap", "cancel", "filter", "follow", "task", "logs", "shell"],
  help: ["filter", "command"],
};

/** Every key that does something here, as it would now be pressed. */
export function hintsAt(
  ui: Ui,
  body: Body,
  world: World,
): { readonly first: readonly Hint[]; readonly always: readonly Hint[] } {
  const where = placeOf(ui).kind;
  const rows = KEYS.filter((k) => k.hint !== "" && isThere(k, where) && !isIdle(k.id, ui, body, world));
  const rank = (k: KeyRow): number => {
    // Where it is offered at all, there is nothing else to be done about it.
    if (k.id === "destroy" && isUnwritten(ui, body, world)) return -1;
    const at = NEXT[where].indexOf(k.id);
    return at < 0 ? NEXT[where].length : at;
  };
  const hints = rows
    .map((k) => ({ row: k, rank: rank(k) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ row }) => ({
      group: row.group,
      id: row.id,
      key: row.shown.split(" ")[0] ?? row.shown,
      word: wordOf(row, ui, body, world),
    }));
  return {
    first: hints.filter((h) => h.group !== "leave"),
    always: hints.filter((h) => h.group === "leave"),
  };
}

/** A letter that does a thing or its opposite says which of them it would do now. */
function wordOf(row: KeyRow, ui: Ui, body: Body, world: World): string {
  if (row.id === "quit" && ui.places.length > 1) return "back";
  if (row.id === "destroy" && isUnwritten(ui, body, world)) return "remove";
  const action = toggled(row.id, targetsOf(ui, world, body), { world });
  return action === row.id ? row.hint : action;
}

/** All that it is for have no document any more. */
function isUnwritten(ui: Ui, body: Body, world: World): boolean {
  const targets = targetsOf(ui, world, body);
  return targets.length > 0 && targets.every((name) => findAgent(world.model, name)?.source === null);
}

const WRITTEN: ReadonlySet<ActionId> = new Set<ActionId>(["stop", "pause", "snapshot", "restore"]);

/** Keys that would only say why not. */
function isIdle(id: ActionId, ui: Ui, body: Body, world: World): boolean {
  if (NEEDS_AGENT.has(id) && targetsOf(ui, world, body).length === 0) return true;
  if (WRITTEN.has(id) && isUnwritten(ui, body, world)) return true;
  if (id === "open" && body.ids.length === 0) return true;
  if (id === "mark" && (world.model.fleet?.agents.length ?? 0) < 2) return true;
  if (id === "cancel") return openTaskAt(ui, world, body) === undefined;
  if (id === "allow") return (world.plan?.held.length ?? 0) === 0;
  if (id === "apply") return !world.plan || world.plan.changes.length + ui.allowed.length === 0;
  if (id === "shell") {
    const name = agentAt(ui, world, body);
    return name !== null && findAgent(world.model, name)?.seen !== "Running";
  }
  return false;
}

function dialogHint(dialog: Dialog): string {
  switch (dialog.kind) {
    case "sure":
      return "y yes   n no";
    case "typed":
      return "⏎ when it is typed   Esc leaves it";
    case "choose":
      return "↑ ↓ choose   ⏎ takes it   Esc leaves it";
    case "line":
      if (dialog.what === "command") return "⏎ does it   Tab completes   ↑ earlier ones   Esc leaves it";
      if (dialog.what === "snapshot") return "⏎ takes it   typing replaces it   Esc leaves it";
      return dialog.what === "task"
        ? "⏎ gives it   ↑ earlier ones   Esc leaves it"
        : "⏎ keeps it   Esc leaves it";
    default: {
      const never: never = dialog;
      return never;
    }
  }
}
