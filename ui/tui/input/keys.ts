/** The one table of keys: what each does and where. The help and the line of hints are made from it. */
import type { ActionId } from "./actions.ts";
import type { Place } from "../app/state.ts";

export type Where = Place["kind"];

export interface KeyRow {
  readonly id: ActionId;
  /** As they come from the terminal; one letter or a name. */
  readonly keys: readonly string[];
  /** As people call them. */
  readonly shown: string;
  /** One word for the line of hints; empty: never hinted at. Where it stands there: `foot-lines.ts`. */
  readonly hint: string;
  readonly help: string;
  readonly group: "move" | "look" | "do" | "leave";
  /** Where it does something; absent: everywhere. */
  readonly where?: readonly Where[];
}

/** Places where the cursor is on an agent, or on something of one. */
const AGENTS: readonly Where[] = ["fleet", "agent", "plan", "tasks", "logs", "task"];
const TEXTS: readonly Where[] = ["events", "commands", "task", "logs"];

export const KEYS: readonly KeyRow[] = [
  { id: "up", keys: ["up", "k"], shown: "↑ k", hint: "", help: "one up", group: "move" },
  { id: "down", keys: ["down", "j"], shown: "↓ j", hint: "", help: "one down", group: "move" },
  {
    id: "page-up",
    keys: ["pageup", "ctrl+b"],
    shown: "PgUp ^B",
    hint: "",
    help: "one screen up",
    group: "move",
  },
  {
    id: "page-down",
    keys: ["pagedown", "ctrl+f"],
    shown: "PgDn ^F",
    hint: "",
    help: "one screen down",
    group: "move",
  },
  { id: "first", keys: ["home", "g"], shown: "Home g", hint: "", help: "to the first", group: "move" },
  { id: "last", keys: ["end", "G"], shown: "End G", hint: "", help: "to the last", group: "move" },
  {
    id: "open",
    keys: ["enter", "d"],
    shown: "⏎ d",
    hint: "describe",
    help: "describe what the cursor is on: spec, seen, difference, conditions, snapshots, events",
    group: "look",
    where: ["fleet", "plan", "tasks"],
  },
  {
    id: "logs",
    keys: ["l"],
    shown: "l",
    hint: "logs",
    help: "the log of its runtime",
    group: "look",
    where: ["fleet", "agent", "plan", "tasks", "task"],
  },
  {
    id: "plan",
    keys: ["p"],
    shown: "p",
    hint: "plan",
    help: "what would be done, and why",
    group: "look",
    where: ["fleet", "agent", "tasks", "task", "logs", "events", "commands", "help"],
  },
  { id: "apply", keys: ["a"], shown: "a", hint: "apply", help: "apply the plan, after a yes", group: "do" },
  {
    id: "allow",
    keys: [" "],
    shown: "Space",
    hint: "allow",
    help: "let a held deletion through with the next apply",
    group: "do",
    where: ["plan"],
  },
  {
    id: "mark",
    keys: [" "],
    shown: "Space",
    hint: "mark",
    help: "mark it, or not: x, P, t, S, r and :start, :suspend are then for all that are marked",
    group: "do",
    where: ["fleet"],
  },
  {
    id: "mark-all",
    keys: ["*"],
    shown: "*",
    hint: "",
    help: "mark all that are shown; once more: none of them",
    group: "do",
    where: ["fleet"],
  },
  {
    id: "task",
    keys: ["t"],
    shown: "t",
    hint: "task",
    help: "give it a task: a shell line, or JSON",
    group: "do",
    where: AGENTS,
  },
  {
    id: "cancel",
    keys: ["c"],
    shown: "c",
    hint: "cancel",
    help: "cancel the task",
    group: "do",
    where: ["tasks", "task"],
  },
  {
    id: "shell",
    keys: ["s"],
    shown: "s",
    hint: "shell",
    help: "a shell in it; its end leads back here",
    group: "do",
    where: AGENTS,
  },
  {
    id: "stop",
    keys: ["x"],
    shown: "x",
    hint: "stop",
    help: "write state: stopped; if it says so already, state: running",
    group: "do",
    where: AGENTS,
  },
  {
    id: "reconcile",
    keys: ["r"],
    shown: "r",
    hint: "reconcile",
    help: "have the loop look again now, forgetting earlier failures",
    group: "do",
  },
  {
    id: "pause",
    keys: ["P"],
    shown: "P",
    hint: "pause",
    help: "write paused: true, or take it back",
    group: "do",
    where: AGENTS,
  },
  {
    id: "snapshot",
    keys: ["S"],
    shown: "S",
    hint: "snapshot",
    help: "declare a snapshot of it",
    group: "do",
    where: AGENTS,
  },
  {
    id: "restore",
    keys: ["R"],
    shown: "R",
    hint: "restore",
    help: "take it back to a snapshot, which is chosen, once its name is typed",
    group: "do",
    where: AGENTS,
  },
  {
    id: "destroy",
    keys: ["D"],
    shown: "D",
    hint: "destroy",
    help: "remove its document and its instance, once its name is typed",
    group: "do",
    where: AGENTS,
  },
  {
    id: "filter",
    keys: ["/"],
    shown: "/",
    hint: "filter",
    help: "only what has these words; !word: what has it not; Esc shows all again",
    group: "look",
  },
  {
    id: "command",
    keys: [":"],
    shown: ":",
    hint: "command",
    help: "a command by name; Tab completes it",
    group: "look",
  },
  {
    id: "order",
    keys: ["o"],
    shown: "o",
    hint: "order",
    help: "order by name, trouble, cpu, memory, last change",
    group: "look",
    where: ["fleet"],
  },
  {
    id: "follow",
    keys: ["f"],
    shown: "f",
    hint: "follow",
    help: "stay at the end when more comes",
    group: "look",
    where: TEXTS,
  },
  {
    id: "wrap",
    keys: ["w"],
    shown: "w",
    hint: "wrap",
    help: "long lines in several, or cut",
    group: "look",
    where: TEXTS,
  },
  {
    id: "verbose",
    keys: ["v"],
    shown: "v",
    hint: "routine",
    help: "routine events too",
    group: "look",
    where: ["events"],
  },
  {
    id: "next-view",
    keys: ["tab"],
    shown: "Tab",
    hint: "",
    help: "the next view",
    group: "move",
  },
  {
    id: "previous-view",
    keys: ["shift+tab"],
    shown: "⇧Tab",
    hint: "",
    help: "the view before",
    group: "move",
  },
  { id: "view-fleet", keys: ["1"], shown: "1", hint: "", help: "Fleet", group: "move" },
  { id: "view-plan", keys: ["2"], shown: "2", hint: "", help: "Plan", group: "move" },
  { id: "view-tasks", keys: ["3"], shown: "3", hint: "", help: "Tasks", group: "move" },
  { id: "view-events", keys: ["4"], shown: "4", hint: "", help: "Events", group: "move" },
  {
    id: "view-commands",
    keys: ["5"],
    shown: "5",
    hint: "",
    help: "Commands: every call of multipass, how long it took, how it ended",
    group: "move",
  },
  { id: "help", keys: ["?"], shown: "?", hint: "help", help: "these keys", group: "leave" },
  {
    id: "back",
    keys: ["esc"],
    shown: "Esc",
    hint: "",
    help: "takes back marks, then the filter, then leads one page back",
    group: "leave",
  },
  {
    id: "quit",
    keys: ["q"],
    shown: "q",
    hint: "quit",
    help: "leave; on a page: one page back. The agents stay as they are",
    group: "leave",
  },
  {
    id: "redraw",
    keys: ["ctrl+l"],
    shown: "^L",
    hint: "",
    help: "redraw the screen",
    group: "leave",
  },
  {
    id: "interrupt",
    keys: ["ctrl+c"],
    shown: "^C",
    hint: "",
    help: "leave; with `vm-agent up`: finish running steps and stop, twice: now",
    group: "leave",
  },
];

export const isThere = (row: KeyRow, where: Where): boolean => row.where?.includes(where) ?? true;

export const actionOf = (name: string, where: Where): ActionId | null =>
  KEYS.find((row) => row.keys.includes(name) && isThere(row, where))?.id ?? null;
