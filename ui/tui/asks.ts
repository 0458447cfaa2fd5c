/** The questions that are asked before something is done, each with what it costs. Pure. */
import { count } from "../client/format.ts";
import { findAgent } from "../client/model.ts";
import { fieldRows, releasedByName } from "../client/plan-view.ts";
import { actionMark, isDestructive } from "../client/tones.ts";
import type { ChangeView } from "../client/types.ts";
import type { Dialog } from "./state.ts";
import { typed } from "./typing.ts";
import type { World } from "./world.ts";

/** A question, or why there is none to ask. */
export type Asked = { readonly dialog: Dialog } | { readonly refusal: string };

export function askApply({ plan, planError }: World, allowed: readonly string[]): Asked {
  if (!plan) return { refusal: planError === "" ? "There is no plan yet." : planError };
  const released = plan.held.filter((h) => allowed.includes(h.agent) && releasedByName(h));
  const changes: readonly ChangeView[] = [...plan.changes, ...released.flatMap((h) => h.would ?? [])];
  if (changes.length === 0) {
    const held = plan.held.length > 0 ? `; ${plan.held.length} held, the plan says why` : "";
    return { refusal: `There is nothing to apply${held}.` };
  }
  const lines = changes.map((c) => {
    const { glyph, word } = actionMark(c.action);
    const fields = c.before ? fieldRows(c).map((r) => `${r.field} ${r.old} → ${r.new}`) : [];
    const cost = c.consequences.length > 0 ? `  cost: ${c.consequences.join("; ")}` : "";
    return `${glyph} ${c.agent}  ${word}${fields.length > 0 ? `  ${fields.join(", ")}` : ""}${cost}`;
  });
  const effect = {
    type: "apply",
    orders: changes.map(({ agent, action }) => ({ agent, action })),
    allowDelete: released.map((h) => h.agent),
  } as const;
  const title = `Apply ${count(changes.length, "change")}?`;
  const lossy = changes.filter((c) => isDestructive(c.action)).map((c) => c.agent);
  if (lossy.length === 0) return { dialog: { kind: "sure", title, lines, tone: "accent", effect } };
  const warning = `Data is lost in ${lossy.join(", ")}.`;
  return {
    dialog: {
      kind: "typed",
      title: `${title} ${warning}`,
      lines,
      word: "yes",
      typing: typed(""),
      problem: "",
      effect,
    },
  };
}

/** What its instance would lose is said before anybody says yes. */
function running(world: World, name: string): readonly string[] {
  const tasks = findAgent(world.model, name)?.tasks;
  if (!tasks || tasks.running + tasks.queued === 0) return [];
  return [
    `${count(tasks.running, "running task")} and ${tasks.queued} queued: they are waited for, then the rest is lost.`,
  ];
}

export function askState(world: World, name: string, state: "running" | "stopped" | "suspended"): Asked {
  const agent = findAgent(world.model, name);
  if (!agent) return { refusal: `There is no agent "${name}".` };
  if (agent.wanted === state) return { refusal: `${name} is to be ${state} already.` };
  const verb = { running: "Start", stopped: "Stop", suspended: "Suspend" }[state];
  return {
    dialog: {
      kind: "sure",
      title: `${verb} ${agent.document}?`,
      lines: [
        `state: ${state} is written into ${agent.source?.file ?? "its document"}; the loop does the rest.`,
        ...(state === "running" ? [] : running(world, name)),
      ],
      tone: state === "running" ? "accent" : "warn",
      effect: { type: "state", agent: agent.document, state },
    },
  };
}

export function askDestroy(world: World, name: string): Asked {
  const agent = findAgent(world.model, name);
  if (!agent) return { refusal: `There is no agent "${name}".` };
  const { document, snapshots } = agent;
  const all = (world.model.fleet?.agents ?? []).filter((a) => a.document === document).map((a) => a.name);
  const lost = snapshots?.length
    ? `its disk and ${count(snapshots.length, "snapshot")} (${snapshots.join(", ")})`
    : "its disk, of which no snapshot is known";
  return {
    dialog: {
      kind: "typed",
      title: `Destroy ${document}?`,
      lines: [
        `Its document is removed from ${agent.source?.file ?? "the fleet"}, then ${all.length > 1 ? `the instances ${all.join(", ")}` : "its instance"} with ${lost}.`,
        "Nothing brings it back.",
        ...running(world, name),
      ],
      word: document,
      typing: typed(""),
      problem: "",
      effect: { type: "destroy", agent: document },
    },
  };
}

export function askRestore(world: World, name: string, snapshot: string): Asked {
  const agent = findAgent(world.model, name);
  if (!agent) return { refusal: `There is no agent "${name}".` };
  if (snapshot === "")
    return { refusal: `Which snapshot? ${agent.snapshots?.join(", ") || "None is known."}` };
  return {
    dialog: {
      kind: "typed",
      title: `Restore ${agent.document} to ${snapshot}?`,
      lines: ["What its disk holds since then is lost.", ...running(world, name)],
      word: agent.document,
      typing: typed(""),
      problem: "",
      effect: { type: "restore", agent: agent.document, snapshot },
    },
  };
}

export const askQuit = (): Dialog => ({
  kind: "sure",
  title: "Stop the hub and the loop?",
  lines: [
    "Running steps are finished first. The agents stay as they are; nothing keeps them as written meanwhile.",
  ],
  tone: "warn",
  effect: { type: "quit" },
});
