/** The questions that are asked before something is done, each with what it costs. Pure. */
import { count } from "../../client/format.ts";
import { findAgent } from "../../client/model.ts";
import { fieldRows, releasedByName } from "../../client/plan-view.ts";
import { actionMark, isDestructive } from "../../client/tones.ts";
import type { AgentView, ChangeView } from "../../client/types.ts";
import type { Effect } from "../app/effects.ts";
import type { Dialog } from "../app/state.ts";
import { typed } from "./typing.ts";
import type { World } from "../app/world.ts";

/** A question, why there is none to ask, or what is done without one. */
export type Asked = { readonly dialog: Dialog } | { readonly refusal: string } | { readonly effect: Effect };

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

/** What instances would lose is said before anybody says yes. */
export function costs({ model }: World, names: readonly string[]): readonly string[] {
  const tasks = names.flatMap((name) => findAgent(model, name)?.tasks ?? []);
  const running = tasks.reduce((sum, t) => sum + t.running, 0);
  const queued = tasks.reduce((sum, t) => sum + t.queued, 0);
  if (running + queued === 0) return [];
  return [
    `${count(running, "running task")} and ${queued} queued: they are waited for, then the rest is lost.`,
  ];
}

/** Why nothing can be written about them; null: each has a document. */
export function unwritten({ model }: World, names: readonly string[]): string | null {
  const gone = names.find((name) => findAgent(model, name)?.source === null);
  if (gone === undefined) return null;
  return `${gone} has no document any more: write it again to keep it, or D removes its instance.`;
}

/** Documents of these agents, the files that they are in, and all agents that are written by them: replicas are written together. */
function written({ model }: World, names: readonly string[]) {
  const found = names.flatMap((name) => findAgent(model, name) ?? []);
  const documents = [...new Set(found.map((a) => a.document))];
  const files = [...new Set(found.flatMap((a) => a.source?.file ?? []))];
  const all = (model.fleet?.agents ?? []).filter((a) => documents.includes(a.document));
  return { documents, files, all, names: all.map((a) => a.name) };
}

/** Whom it is about: one as itself, several as rows. */
function whom(world: World, names: readonly string[]) {
  const { documents, files, all, names: whole } = written(world, names);
  const rows =
    all.length === 1 ? [] : all.map((a) => `${a.name}  ${a.seen === "?" ? "not seen" : a.seen}${tasksOf(a)}`);
  const title = all.length === 1 ? (all[0]?.name ?? "") : count(all.length, "agent");
  return {
    documents,
    files: files.join(", "),
    rows,
    title,
    isOne: all.length === 1,
    names: whole,
  };
}

function tasksOf({ tasks }: Pick<AgentView, "tasks">): string {
  return `${tasks.running > 0 ? `, ${count(tasks.running, "task")} running` : ""}${tasks.queued > 0 ? `, ${tasks.queued} queued` : ""}`;
}

export function askState(
  world: World,
  names: readonly string[],
  state: "running" | "stopped" | "suspended",
): Asked {
  const refusal = unwritten(world, names);
  if (refusal) return { refusal };
  const others = names.filter((name) => findAgent(world.model, name)?.wanted !== state);
  if (others.length === 0)
    return {
      refusal: `${names.length === 1 ? `${names[0]} is` : "All of them are"} to be ${state} already.`,
    };
  const verb = { running: "Start", stopped: "Stop", suspended: "Suspend" }[state];
  const { documents, files, rows, title, names: all } = whom(world, others);
  return {
    dialog: {
      kind: "sure",
      title: `${verb} ${title}?`,
      lines: [
        `state: ${state} is written into ${files}; the loop does the rest.`,
        ...(state === "running" ? [] : costs(world, all)),
        ...rows,
      ],
      tone: state === "running" ? "accent" : "warn",
      effect: { type: "state", agents: documents, state },
    },
  };
}

/** One is not asked about: nothing happens to its instance. */
export function askPaused(world: World, names: readonly string[], paused: boolean): Asked {
  const refusal = unwritten(world, names);
  if (refusal) return { refusal };
  const { documents, files, rows, title, isOne } = whom(world, names);
  const effect = { type: "paused", agents: documents, paused } as const;
  if (isOne) return { effect };
  const line = paused
    ? `paused: true is written into ${files}: they are observed, and not acted on.`
    : `paused: true is taken back in ${files}: the loop acts on them again.`;
  return {
    dialog: {
      kind: "sure",
      title: `${paused ? "Pause" : "Resume"} ${title}?`,
      lines: [line, ...rows],
      tone: "accent",
      effect,
    },
  };
}

/** The name of the snapshot was typed on purpose: one agent is not asked about again. */
export function askSnapshot(world: World, names: readonly string[], snapshot: string): Asked {
  const refusal = unwritten(world, names);
  if (refusal) return { refusal };
  const { documents, rows, title, isOne, names: all } = whom(world, names);
  const effect = { type: "snapshot", agents: documents, snapshot } as const;
  if (isOne) return { effect };
  return {
    dialog: {
      kind: "sure",
      title: `Take a snapshot ${snapshot} of ${title}?`,
      lines: ["Each that runs is stopped for it and started again.", ...costs(world, all), ...rows],
      tone: "warn",
      effect,
    },
  };
}

/** To instances, not to documents. */
export function askTask(
  world: World,
  names: readonly string[],
  line: string,
  body: Readonly<Record<string, unknown>>,
): Asked {
  const effect = { type: "task", agents: names, body } as const;
  if (names.length === 1) return { effect };
  const rows = names.map((name) => {
    const agent = findAgent(world.model, name);
    return `${name}  ${agent?.health ?? ""}${agent ? tasksOf(agent) : ""}`;
  });
  return {
    dialog: {
      kind: "sure",
      title: `Give this task to ${count(names.length, "agent")}?`,
      lines: [line, ...rows],
      tone: "accent",
      effect,
    },
  };
}

export function askDestroy(world: World, name: string): Asked {
  const agent = findAgent(world.model, name);
  if (!agent) return { refusal: `There is no agent "${name}".` };
  if (agent.source === null) return askRemoval(world, name);
  const { document } = agent;
  const { names, all } = written(world, [name]);
  return {
    dialog: {
      kind: "typed",
      title: `Destroy ${document}?`,
      lines: [
        `Its document is removed from ${agent.source.file}, then ${names.length > 1 ? `the instances ${names.join(", ")}` : "its instance"} with ${losses(all)}.`,
        "Nothing brings it back.",
        ...costs(world, names),
      ],
      word: document,
      typing: typed(""),
      problem: "",
      effect: { type: "destroy", agent: document },
    },
  };
}

/** Its document is gone already, and its instance is there: what is planned, or held, is let through. */
function askRemoval(world: World, name: string): Asked {
  const held = world.plan?.held.find((h) => h.agent === name && h.would?.action === "destroy");
  const planned = world.plan?.changes.some((c) => c.agent === name && c.action === "destroy") ?? false;
  if (!held && !planned)
    return {
      refusal: `${name} has no document any more, and the plan does not remove its instance; p says why.`,
    };
  if (held && !releasedByName(held))
    return { refusal: `${name} cannot be removed now: ${held.message}; ${held.release}.` };
  const agent = findAgent(world.model, name);
  return {
    dialog: {
      kind: "typed",
      title: `Remove the instance of ${name}?`,
      lines: [
        `Its document is gone already${held ? `; its removal is held: ${held.message}` : ""}.`,
        `It goes with ${losses(agent ? [agent] : [])}. Nothing brings it back.`,
        ...costs(world, [name]),
      ],
      word: name,
      typing: typed(""),
      problem: "",
      effect: { type: "apply", orders: [{ agent: name, action: "destroy" }], allowDelete: [name] },
    },
  };
}

function losses(agents: readonly AgentView[]): string {
  const snapshots = agents.flatMap((a) => a.snapshots ?? []);
  if (snapshots.length === 0) return "its disk, of which no snapshot is known";
  return `its disk and ${count(snapshots.length, "snapshot")} (${snapshots.join(", ")})`;
}

export const askQuit = (): Dialog => ({
  kind: "sure",
  title: "Stop the hub and the loop?",
  lines: ["Running steps are finished first. The agents stay as they are; drift is not corrected meanwhile."],
  tone: "warn",
  effect: { type: "quit" },
});
