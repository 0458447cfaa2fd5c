/** Carries out the effect of a key, and reports the result in one line. */
import { count } from "../../client/format.ts";
import { lostWords } from "../../client/follow.ts";
import type { Live } from "../../client/live.ts";
import type { Tone } from "../../client/tones.ts";
import type { DashboardDeps } from "./deps.ts";
import type { Effect } from "./effects.ts";
import type { Place } from "./state.ts";

export interface Hands {
  readonly deps: DashboardDeps;
  readonly live: Live;
  readonly say: (tone: Tone, text: string) => void;
  readonly open: (place: Place) => void;
  readonly clearAllowed: () => void;
  readonly readPlan: () => void;
  /** Gives the terminal away while the work lasts. */
  readonly suspended: (work: () => Promise<void>) => Promise<void>;
  readonly quit: () => void;
  /** Every cell, whatever is thought to be on the screen. */
  readonly redraw: () => void;
}

/** Never rejects. */
export async function carryOut(effect: Effect, hands: Hands): Promise<void> {
  try {
    await act(effect, hands);
  } catch (error) {
    hands.say("bad", errorWords(error));
  }
}

function errorWords(error: unknown): string {
  const { next } = (error ?? {}) as { readonly next?: unknown };
  const text = lostWords(error);
  return typeof next === "string" && next !== "" && !text.endsWith(next) ? `${text}; ${next}` : text;
}

async function act(effect: Effect, hands: Hands): Promise<void> {
  const { deps, live, say } = hands;
  const { orders, api } = deps;
  const done = (text: string): void => {
    say("good", text);
    live.refresh();
    hands.readPlan();
  };
  switch (effect.type) {
    case "quit":
    case "interrupt":
      return hands.quit();
    case "redraw":
      return hands.redraw();
    case "refresh":
      live.refresh();
      return hands.readPlan();
    case "reconnect":
      return live.reconnect();
    case "reconcile":
      await api.reconcile(effect.agents);
      return done(`Looking again${effect.agents.length > 0 ? ` at ${effect.agents.join(", ")}` : ""}.`);
    case "apply":
      await api.apply({ changes: effect.orders, allowDelete: effect.allowDelete });
      hands.clearAllowed();
      return done(`${count(effect.orders.length, "change")} handed to the loop.`);
    case "task":
      return give(effect.agents, effect.body, hands);
    case "cancel":
      await api.cancelTask(effect.id);
      return done("Cancelling: its process group is ended.");
    case "shell":
      return hands.suspended(async () => {
        deps.stdout.write(`The shell of ${effect.agent}; its end leads back to the dashboard.\n`);
        const code = await orders.shell(effect.agent);
        say(code === 0 ? "dim" : "warn", `The shell of ${effect.agent} ended with ${code}.`);
      });
    case "state":
      return done(await orders.state(effect.agents, effect.state));
    case "paused":
      return done(await orders.paused(effect.agents, effect.paused));
    case "snapshot":
      return done(await orders.snapshot(effect.agents, effect.snapshot));
    case "restore":
      return done(await orders.restore(effect.agent, effect.snapshot));
    case "destroy":
      say("accent", `Removing ${effect.agent}…`);
      return done(await orders.destroy(effect.agent));
    default: {
      const never: never = effect;
      return never;
    }
  }
}

/** One task is shown with its output, several as a list. */
async function give(
  agents: readonly string[],
  body: Readonly<Record<string, unknown>>,
  { deps: { api }, live, open, say }: Hands,
): Promise<void> {
  const [only = ""] = agents;
  if (agents.length === 1) {
    const { taskId, status } = await api.submitTask(only, body);
    live.refresh();
    open({ kind: "task", id: taskId });
    if (status !== "queued") return say("good", "Given.");
    const { task } = await api.getTask(taskId);
    return say("good", task.waits ? `Queued: ${task.waits}.` : "Queued.");
  }
  await api.submitWhereFits({ agents }, body);
  live.refresh();
  open({ kind: "tasks" });
  say("good", `Given to ${agents.length} agents: ${agents.join(", ")}.`);
}
