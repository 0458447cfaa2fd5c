/** Every key as a change of what is seen and what is to be done: one pure function over the table of keys. */
import { findAgent } from "../client/model.ts";
import { releasedByName } from "../client/plan-view.ts";
import { isFinalTask } from "../client/tones.ts";
import { type Asked, askApply, askDestroy, askQuit, askRestore, askState } from "./asks.ts";
import { agentAt, cursorIn } from "./bodies.ts";
import type { Body } from "./body.ts";
import { pressInDialog } from "./dialog-keys.ts";
import type { Effect } from "./effects.ts";
import { type ActionId, actionOf, type CommandRow, commandOf } from "./keys.ts";
import { isMove, moved } from "./moves.ts";
import type { Press } from "./press.ts";
import {
  type Dialog,
  ORDERS,
  opened,
  placeOf,
  spotOf,
  type Ui,
  VIEWS,
  viewed,
  viewOf,
  withSpot,
} from "./state.ts";
import { offered, typed } from "./typing.ts";
import type { World } from "./world.ts";

export interface Step {
  readonly ui: Ui;
  readonly effects: readonly Effect[];
}

/** What the screen shows at this moment. */
export interface Scene {
  readonly world: World;
  readonly body: Body;
  /** Rows of the body on the screen. */
  readonly height: number;
  readonly now: number;
}

const only = (ui: Ui): Step => ({ ui, effects: [] });
const doing = (ui: Ui, ...effects: readonly Effect[]): Step => ({ ui, effects });
const told = (ui: Ui, scene: Scene, text: string): Step =>
  only({ ...ui, notice: { tone: "warn", text, at: scene.now } });
const asked = (ui: Ui, scene: Scene, question: Asked): Step =>
  "dialog" in question ? only({ ...ui, dialog: question.dialog }) : told(ui, scene, question.refusal);

export function pressed(ui: Ui, press: Press, scene: Scene): Step {
  const { dialog } = ui;
  if (dialog === null) {
    if (press.name !== "text")
      return acted({ ...ui, notice: null }, actionOf(press.name, placeOf(ui).kind), scene);
    return acted({ ...ui, notice: null }, actionOf(press.text, placeOf(ui).kind), scene);
  }
  // Ctrl-C means leaving, whatever is asked.
  if (press.name === "ctrl+c" && dialog.kind !== "line")
    return doing({ ...ui, dialog: null }, { type: "interrupt" });
  const agents = scene.world.model.fleet?.agents.map((a) => a.name) ?? [];
  const { ui: next, effects, entered } = pressInDialog(ui, dialog, press, agents);
  return entered ? lineEntered(next, entered, scene) : { ui: next, effects };
}

function acted(ui: Ui, action: ActionId | null, scene: Scene): Step {
  if (action === null) return only(ui);
  const { body, height, world } = scene;
  if (isMove(action)) return only(moved(ui, body, height, action));
  const place = placeOf(ui);
  const spot = spotOf(ui);
  switch (action) {
    case "open":
      return openedAtCursor(ui, scene);
    case "back":
      if (spot.filter !== "") return only(withSpot(ui, { filter: "" }));
      return only(
        ui.places.length > 1
          ? { ...ui, places: ui.places.slice(0, -1) as unknown as Ui["places"] }
          : place.kind === "fleet"
            ? ui
            : viewed(ui, "fleet"),
      );
    case "next-view":
    case "previous-view": {
      const step = action === "next-view" ? 1 : VIEWS.length - 1;
      return shown(viewed(ui, VIEWS[(VIEWS.indexOf(viewOf(ui)) + step) % VIEWS.length] ?? "fleet"));
    }
    case "view-fleet":
    case "view-plan":
    case "view-tasks":
    case "view-events":
    case "view-commands":
      return shown(viewed(ui, action.slice(5) as "fleet"));
    case "plan":
      return shown(viewed(ui, "plan"));
    case "filter":
      return only({ ...ui, dialog: lineDialog("filter", "", spot.filter) });
    case "command":
      return only({ ...ui, dialog: lineDialog("command", agentAt(ui, world, body) ?? "", "") });
    case "help":
      return only(opened(ui, { kind: "help" }));
    case "quit":
      if (!world.own) return doing(ui, { type: "quit" });
      return world.stopping ? only(ui) : only({ ...ui, dialog: askQuit() });
    case "interrupt":
      return doing(ui, { type: "interrupt" });
    case "apply":
      return asked(ui, scene, askApply(world, ui.allowed));
    case "follow":
      return only(withSpot(ui, { follow: !spot.follow }));
    case "wrap":
      return only(withSpot(ui, { wrap: !spot.wrap }));
    case "verbose":
      return only({ ...ui, verbose: !ui.verbose });
    case "order":
      return only({ ...ui, order: ORDERS[(ORDERS.indexOf(ui.order) + 1) % ORDERS.length] ?? "name" });
    case "reconcile": {
      const name = place.kind === "fleet" || place.kind === "agent" ? agentAt(ui, world, body) : null;
      return doing(ui, { type: "reconcile", agents: name === null ? [] : [name] });
    }
    case "allow":
      return allowed(ui, scene);
    case "cancel": {
      const id = place.kind === "task" ? place.id : (body.ids[cursorIn(ui, body)] ?? "");
      const task = world.model.tasks.find((t) => t.id === id);
      if (!task || isFinalTask(task.state))
        return told(ui, scene, "There is no task to cancel: it has ended.");
      return doing(ui, { type: "cancel", id });
    }
    default: {
      const name = agentAt(ui, world, body);
      if (name === null) return told(ui, scene, "Put the cursor on an agent first.");
      return onAgent(ui, toggled(action, name, scene), name, "", scene);
    }
  }
}

/** What a view needs is read when somebody looks. */
const shown = (ui: Ui): Step => doing(ui, { type: "refresh" });

type LineDialog = Extract<Dialog, { readonly kind: "line" }>;

const lineDialog = (what: LineDialog["what"], agent: string, text: string): LineDialog => ({
  kind: "line",
  what,
  agent,
  typing: typed(text),
  before: text,
  back: 0,
  problem: "",
});

/** The same line, replaced by what is typed first. */
const offering = (dialog: LineDialog): LineDialog => ({ ...dialog, typing: offered(dialog.typing.text) });

function openedAtCursor(ui: Ui, scene: Scene): Step {
  const { body, world } = scene;
  if (placeOf(ui).kind === "tasks") {
    const id = body.ids[cursorIn(ui, body)];
    return id === undefined ? only(ui) : shown(opened(ui, { kind: "task", id }));
  }
  const name = agentAt(ui, world, body);
  return name === null ? only(ui) : shown(opened(ui, { kind: "agent", name }));
}

function allowed(ui: Ui, scene: Scene): Step {
  const name = agentAt(ui, scene.world, scene.body);
  const held = scene.world.plan?.held.find((h) => h.agent === name && releasedByName(h));
  if (!held) return told(ui, scene, "Nothing is held here that a name would let through.");
  const without = ui.allowed.filter((n) => n !== held.agent);
  return only({ ...ui, allowed: without.length < ui.allowed.length ? without : [...without, held.agent] });
}

type AgentAction = ActionId | CommandRow["action"];

function onAgent(ui: Ui, action: AgentAction, name: string, rest: string, scene: Scene): Step {
  const { world, now } = scene;
  const agent = findAgent(world.model, name);
  if (!agent) return told(ui, scene, `There is no agent "${name}".`);
  switch (action) {
    case "describe":
      return shown(opened(ui, { kind: "agent", name }));
    case "logs":
      return shown(opened(ui, { kind: "logs", name }));
    case "shell":
      if (agent.seen !== "Running")
        return told(ui, scene, `${name} is ${agent.seen.toLowerCase()}: a shell needs it running.`);
      return doing(ui, { type: "shell", agent: name });
    case "task":
      return rest === "" ? only({ ...ui, dialog: lineDialog("task", name, "") }) : tasked(ui, name, rest);
    case "start":
      return asked(ui, scene, askState(world, name, "running"));
    case "stop":
      return asked(ui, scene, askState(world, name, "stopped"));
    case "suspend":
      return asked(ui, scene, askState(world, name, "suspended"));
    case "pause":
      return doing(ui, { type: "paused", agent: agent.document, paused: true });
    case "resume":
      return doing(ui, { type: "paused", agent: agent.document, paused: false });
    case "snapshot":
      if (rest !== "") return doing(ui, { type: "snapshot", agent: agent.document, snapshot: rest });
      return only({ ...ui, dialog: offering(lineDialog("snapshot", agent.document, suggested(now))) });
    case "restore":
      return asked(ui, scene, askRestore(world, name, rest));
    case "destroy":
      return asked(ui, scene, askDestroy(world, name));
    default:
      return only(ui);
  }
}

/** A name that no snapshot has yet, by Multipass's own rule. */
function suggested(now: number): string {
  const d = new Date(now);
  const two = (n: number) => String(n).padStart(2, "0");
  return `s-${d.getFullYear()}${two(d.getMonth() + 1)}${two(d.getDate())}-${two(d.getHours())}${two(d.getMinutes())}`;
}

/** A letter does the one thing or its opposite; the commands say which. */
function toggled(action: AgentAction, name: string, { world }: Scene): AgentAction {
  const agent = findAgent(world.model, name);
  if (action === "stop" && agent?.wanted !== "running") return "start";
  return action === "pause" && agent?.sync === "Paused" ? "resume" : action;
}

function tasked(ui: Ui, agent: string, text: string): Step {
  const line = text.trim();
  if (line === "") return only(ui);
  const past = [...ui.typed.task.filter((t) => t !== line), line].slice(-50);
  const next: Ui = { ...ui, typed: { ...ui.typed, task: past } };
  if (!line.startsWith("{"))
    return doing(next, { type: "task", agent, body: { type: "exec", command: line } });
  try {
    return doing(next, { type: "task", agent, body: JSON.parse(line) as Readonly<Record<string, unknown>> });
  } catch (error) {
    const dialog = {
      ...lineDialog("task", agent, line),
      problem: `not JSON: ${(error as Error).message}`,
    };
    return only({ ...ui, dialog });
  }
}

function lineEntered(ui: Ui, dialog: LineDialog, scene: Scene): Step {
  const text = dialog.typing.text;
  switch (dialog.what) {
    case "filter":
      return only(withSpot(ui, { filter: text.trim() }));
    case "task":
      return tasked(ui, dialog.agent, text);
    case "snapshot":
      return text.trim() === ""
        ? only(ui)
        : doing(ui, { type: "snapshot", agent: dialog.agent, snapshot: text.trim() });
    case "command":
      return commanded(ui, text.trim(), dialog.agent, scene);
    default: {
      const never: never = dialog.what;
      return never;
    }
  }
}

const NEEDS_AGENT = new Set<AgentAction>([
  "describe",
  "logs",
  "shell",
  "task",
  "start",
  "stop",
  "suspend",
  "pause",
  "resume",
  "snapshot",
  "restore",
  "destroy",
]);

function commanded(ui: Ui, text: string, here: string, scene: Scene): Step {
  if (text === "") return only(ui);
  const [word = "", ...words] = text.split(/ +/);
  const command = commandOf(word);
  if (!command) return told(ui, scene, `There is no command "${word}"; ? lists them.`);
  const past = [...ui.typed.command.filter((t) => t !== text), text].slice(-50);
  const next: Ui = { ...ui, typed: { ...ui.typed, command: past } };
  const named = findAgent(scene.world.model, words[0] ?? "") !== undefined;
  const name = named ? (words[0] ?? "") : here;
  const rest = (named ? words.slice(1) : words).join(" ");
  if (command.action === "reconcile")
    return words.length > 0 && !named
      ? told(next, scene, `There is no agent "${words[0]}".`)
      : doing(next, { type: "reconcile", agents: words.slice(0, 1) });
  if (!NEEDS_AGENT.has(command.action)) return acted(next, command.action as ActionId, scene);
  const takesMore =
    command.action === "task" || command.action === "snapshot" || command.action === "restore";
  if (!named && words.length > 0 && !takesMore) return told(next, scene, `There is no agent "${words[0]}".`);
  if (name === "") return told(next, scene, `Which agent? :${command.name} NAME`);
  return onAgent(next, command.action, name, rest, scene);
}
