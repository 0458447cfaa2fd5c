/** Every key as a change of what is seen and what is to be done: one pure function over the table of keys. */
import { ORDERS } from "../../client/fleet-order.ts";
import { findAgent } from "../../client/model.ts";
import { releasedByName } from "../../client/plan-view.ts";
import type { ActionId, CommandAction } from "../input/actions.ts";
import {
  type LineDialog,
  lineDialog,
  NEEDS_AGENT,
  onAgents,
  tasked,
  toggled,
} from "../input/agent-orders.ts";
import { askRestore } from "../input/ask-restore.ts";
import { askApply, askQuit, askSnapshot } from "../input/asks.ts";
import { agentAt, cursorIn, openTaskAt } from "../views/bodies.ts";
import { commandOf } from "../input/commands.ts";
import { pressInDialog } from "../input/dialog-keys.ts";
import { actionOf } from "../input/keys.ts";
import { markedIn, targetsOf, toggledAll, toggledMark } from "../input/marks.ts";
import { isMove, moved } from "../input/moves.ts";
import type { Press } from "../input/press.ts";
import { type Dialog, opened, placeOf, spotOf, type Ui, VIEWS, viewed, viewOf, withSpot } from "./state.ts";
import { asked, doing, only, type Scene, type Step, shown, reported } from "./step.ts";

export function pressed(ui: Ui, press: Press, scene: Scene): Step {
  const { dialog } = ui;
  if (press.name === "ctrl+l") return doing(ui, { type: "redraw" });
  if (dialog === null) {
    const key = press.name === "text" ? press.text : press.name;
    return acted({ ...ui, notice: null }, actionOf(key, placeOf(ui).kind), scene);
  }
  // Ctrl-C means leaving, whatever is asked.
  if (press.name === "ctrl+c" && dialog.kind !== "line")
    return doing({ ...ui, dialog: null }, { type: "interrupt" });
  const agents = scene.world.model.fleet?.agents.map((a) => a.name) ?? [];
  const { ui: next, effects, entered } = pressInDialog(ui, dialog, press, agents);
  if (entered?.kind === "line") return lineEntered(next, entered, scene);
  if (entered) return asked(next, scene, askRestore(scene.world, entered.agent, chosen(entered)));
  return { ui: next, effects };
}

const chosen = ({ options, index }: Extract<Dialog, { readonly kind: "choose" }>): string =>
  options[index] ?? "";

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
      return only(back(ui, world));
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
      return only({ ...ui, dialog: lineDialog("filter", [], spot.filter) });
    case "command":
      return only({ ...ui, dialog: lineDialog("command", targetsOf(ui, world, body), "") });
    case "help":
      return only(opened(ui, { kind: "help" }));
    case "quit":
      if (ui.places.length > 1) return only(closed(ui));
      return left(ui, scene);
    case "leave":
      return left(ui, scene);
    case "interrupt":
      return doing(ui, { type: "interrupt" });
    case "redraw":
      return doing(ui, { type: "redraw" });
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
    case "mark":
      return only(toggledMark(ui, body, height));
    case "mark-all":
      return only(toggledAll(ui, body));
    case "reconcile": {
      const agents = place.kind === "fleet" || place.kind === "agent" ? targetsOf(ui, world, body) : [];
      return doing(ui, { type: "reconcile", agents });
    }
    case "allow":
      return allowed(ui, scene);
    case "cancel": {
      const task = openTaskAt(ui, world, body);
      if (!task) return reported(ui, scene, "There is no task to cancel: it has ended.");
      return doing(ui, { type: "cancel", id: task.id });
    }
    default: {
      const targets = targetsOf(ui, world, body);
      if (targets.length === 0)
        return reported(
          ui,
          scene,
          world.model.fleet?.agents.length ? "Put the cursor on an agent first." : "There is no agent yet.",
        );
      const here = agentAt(ui, world, body);
      return onAgents(ui, toggled(action, targets, scene), { targets, here, rest: "" }, scene);
    }
  }
}

const closed = (ui: Ui): Ui => ({ ...ui, places: ui.places.slice(0, -1) as unknown as Ui["places"] });

/** The nearest thing that can be taken back. */
function back(ui: Ui, world: Scene["world"]): Ui {
  const { kind } = placeOf(ui);
  if (kind === "fleet" && markedIn(ui, world).length > 0) return { ...ui, marked: [] };
  if (spotOf(ui).filter !== "") return withSpot(ui, { filter: "" });
  if (ui.places.length > 1) return closed(ui);
  return kind === "fleet" ? ui : viewed(ui, "fleet");
}

function left(ui: Ui, { world }: Scene): Step {
  if (!world.own) return doing(ui, { type: "quit" });
  return world.stopping ? only(ui) : only({ ...ui, dialog: askQuit() });
}

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
  if (!held) return reported(ui, scene, "Nothing is held here that a name would let through.");
  const without = ui.allowed.filter((n) => n !== held.agent);
  return only({ ...ui, allowed: without.length < ui.allowed.length ? without : [...without, held.agent] });
}

function lineEntered(ui: Ui, dialog: LineDialog, scene: Scene): Step {
  const text = dialog.typing.text.trim();
  switch (dialog.what) {
    case "filter":
      return only(withSpot(ui, { filter: text }));
    case "task":
      return tasked(ui, dialog.agents, text, scene);
    case "snapshot":
      return text === "" ? only(ui) : asked(ui, scene, askSnapshot(scene.world, dialog.agents, text));
    case "command":
      return commanded(ui, text, dialog.agents, scene);
    default: {
      const never: never = dialog.what;
      return never;
    }
  }
}

/** `here`: the agent used when the command names none. */
function commanded(ui: Ui, text: string, here: readonly string[], scene: Scene): Step {
  if (text === "") return only(ui);
  const [, word = "", behind = ""] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
  const command = commandOf(word);
  if (!command) return reported(ui, scene, `There is no command "${word}"; ? lists them.`);
  const past = [...ui.typed.command.filter((t) => t !== text), text].slice(-50);
  const next: Ui = { ...ui, typed: { ...ui.typed, command: past } };
  const { action } = command;
  const [, first = "", more = ""] = /^(\S+)\s*([\s\S]*)$/.exec(behind) ?? [];
  const isNamed = findAgent(scene.world.model, first) !== undefined;
  // What is behind a name is the agent's; a shell line keeps its spaces.
  const rest = isNamed ? more : behind;
  const unknownAgent = (): Step => reported(next, scene, `There is no agent "${first}".`);
  if (action === "unmark") return only({ ...next, marked: [] });
  if (action === "reconcile")
    return first !== "" && !isNamed
      ? unknownAgent()
      : doing(next, { type: "reconcile", agents: isNamed ? [first] : [] });
  if (!NEEDS_AGENT.has(action)) return acted(next, action as ActionId, scene);
  if (!isNamed && first !== "" && !TAKES_MORE.has(action)) return unknownAgent();
  const targets = isNamed ? [first] : here;
  if (targets.length === 0) return reported(next, scene, `Which agent? :${command.name} NAME`);
  return onAgents(
    next,
    action,
    { targets, here: isNamed ? first : agentAt(ui, scene.world, scene.body), rest },
    scene,
  );
}

const TAKES_MORE: ReadonlySet<CommandAction> = new Set<CommandAction>(["task", "snapshot", "restore"]);
