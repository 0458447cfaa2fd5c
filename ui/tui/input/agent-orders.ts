/** What is ordered of one agent or of several: what it opens, asks or does. Pure. */
import { count, dateTime } from "../../client/format.ts";
import { findAgent } from "../../client/model.ts";
import type { CommandAction } from "./actions.ts";
import { askRestore } from "./ask-restore.ts";
import { askDestroy, askPaused, askSnapshot, askState, askTask } from "./asks.ts";
import { asked, doing, only, type Scene, type Step, shown, reported } from "../app/step.ts";
import { type Dialog, opened, type Ui } from "../app/state.ts";
import { offered, typed } from "./typing.ts";

export type LineDialog = Extract<Dialog, { readonly kind: "line" }>;

export const lineDialog = (
  what: LineDialog["what"],
  agents: readonly string[],
  text: string,
): LineDialog => ({ kind: "line", what, agents, typing: typed(text), before: text, back: 0, problem: "" });

/** Orders that several agents can be given at once. */
const FOR_SEVERAL: ReadonlySet<CommandAction> = new Set<CommandAction>([
  "task",
  "start",
  "stop",
  "suspend",
  "pause",
  "resume",
  "snapshot",
]);

/** Orders that look at an agent: marks mean nothing to them. */
const LOOKS: ReadonlySet<CommandAction> = new Set<CommandAction>(["describe", "logs", "shell"]);

export const NEEDS_AGENT: ReadonlySet<CommandAction> = new Set<CommandAction>([
  ...FOR_SEVERAL,
  ...LOOKS,
  "restore",
  "destroy",
]);

/** `targets`: never empty. `here`: the one under the cursor. `rest`: what was typed behind it. */
export function onAgents(
  ui: Ui,
  action: CommandAction,
  order: { readonly targets: readonly string[]; readonly here: string | null; readonly rest: string },
  scene: Scene,
): Step {
  const { rest, here } = order;
  const { world, now } = scene;
  const targets = LOOKS.has(action) && here !== null ? [here] : order.targets;
  const unknown = targets.find((name) => !findAgent(world.model, name));
  if (unknown !== undefined) return reported(ui, scene, `There is no agent "${unknown}".`);
  const [name = ""] = targets;
  if (targets.length > 1 && !FOR_SEVERAL.has(action))
    return reported(
      ui,
      scene,
      `${count(targets.length, "agent is", "agents are")} marked, and ${action} is for one at a time; Esc takes the marks away.`,
    );
  switch (action) {
    case "describe":
      return shown(opened(ui, { kind: "agent", name }));
    case "logs":
      return shown(opened(ui, { kind: "logs", name }));
    case "shell": {
      const seen = findAgent(world.model, name)?.seen ?? "?";
      if (seen !== "Running")
        return reported(
          ui,
          scene,
          `${name} is ${seen === "?" ? "not to be seen" : seen.toLowerCase()}: a shell needs it running.`,
        );
      return doing(ui, { type: "shell", agent: name });
    }
    case "task":
      return rest === ""
        ? only({ ...ui, dialog: lineDialog("task", targets, "") })
        : tasked(ui, targets, rest, scene);
    case "start":
      return asked(ui, scene, askState(world, targets, "running"));
    case "stop":
      return asked(ui, scene, askState(world, targets, "stopped"));
    case "suspend":
      return asked(ui, scene, askState(world, targets, "suspended"));
    case "pause":
      return asked(ui, scene, askPaused(world, targets, true));
    case "resume":
      return asked(ui, scene, askPaused(world, targets, false));
    case "snapshot": {
      if (rest !== "") return asked(ui, scene, askSnapshot(world, targets, rest));
      const dialog = { ...lineDialog("snapshot", targets, ""), typing: offered(suggested(now)) };
      return only({ ...ui, dialog });
    }
    case "restore":
      return asked(ui, scene, askRestore(world, name, rest));
    case "destroy":
      return asked(ui, scene, askDestroy(world, name));
    default:
      return only(ui);
  }
}

/** A name that no snapshot has yet, by Multipass's own rule: `s-20261122-0914`. */
const suggested = (now: number): string =>
  `s-${dateTime(now).slice(0, 16).replace(/[-:]/g, "").replace(" ", "-")}`;

/** A letter does the one thing or, where that is so of all already, its opposite; the commands and the line of hints say which. */
export function toggled(
  action: CommandAction,
  targets: readonly string[],
  { world }: Pick<Scene, "world">,
): CommandAction {
  if (action !== "stop" && action !== "pause") return action;
  const agents = targets.flatMap((name) => findAgent(world.model, name) ?? []);
  if (agents.length === 0) return action;
  if (action === "stop") return agents.every((a) => a.wanted !== "running") ? "start" : "stop";
  return agents.every((a) => a.sync === "Paused") ? "resume" : "pause";
}

/** A line that was typed: for a shell, or a task as JSON. */
export function tasked(ui: Ui, agents: readonly string[], text: string, scene: Scene): Step {
  const line = text.trim();
  if (line === "") return only(ui);
  const past = [...ui.typed.task.filter((t) => t !== line), line].slice(-50);
  const next: Ui = { ...ui, typed: { ...ui.typed, task: past } };
  if (!line.startsWith("{"))
    return asked(next, scene, askTask(scene.world, agents, line, { type: "exec", command: line }));
  try {
    const body = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return asked(next, scene, askTask(scene.world, agents, line, body));
  } catch (error) {
    const dialog = { ...lineDialog("task", agents, line), problem: `not JSON: ${(error as Error).message}` };
    return only({ ...ui, dialog });
  }
}
