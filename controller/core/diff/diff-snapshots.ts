/** Snapshots of one agent: which to take now, which wait, and which owned ones to remove. */
import type { AgentCase } from "./agent-case.ts";
import { isRestorePending } from "./diff-restore.ts";
import type { DesiredSnapshot, Held, MadeSnapshot, PlannedSnapshot } from "../types.ts";

export interface SnapshotWork {
  readonly take: readonly PlannedSnapshot[];
  /** More than the schedule keeps. */
  readonly removes: readonly string[];
  /** Snapshots that schedules keep, existing or about to be taken. */
  readonly keeps: readonly string[];
  /** Made for a document that is gone. */
  readonly orphans: readonly string[];
  readonly held: readonly Held[];
  readonly why: readonly string[];
}

const NOTHING: SnapshotWork = { take: [], removes: [], keeps: [], orphans: [], held: [], why: [] };

export function snapshotWork(c: AgentCase): SnapshotWork {
  const known = c.instance?.snapshots;
  // A snapshot needs an agent that was Ready once; before that there is nothing worth keeping.
  if (!known || !c.claim?.converged) return NOTHING;
  const have = new Set(known.map((s) => s.name));
  if (c.is === "Suspended" && c.agent.state === "suspended") return { ...NOTHING, held: asleep(c, have) };
  if (c.is !== "Running" && c.is !== "Stopped") return NOTHING;
  const busy = c.is === "Running" && (c.runtime?.runningTasks ?? 0) > 0;
  const take: PlannedSnapshot[] = [];
  const held: Held[] = [];
  const why: string[] = [];
  const planned = (document: DesiredSnapshot, snapshot: PlannedSnapshot, reason: string) => {
    if (document.whenRunning === "wait" && busy) held.push(waiting(c, snapshot.name));
    else {
      take.push(snapshot);
      why.push(reason);
    }
  };
  for (const document of c.snapshots) {
    const { name, comment, schedule } = document;
    if (schedule === undefined) {
      if (!have.has(name))
        planned(document, { name, comment }, `snapshot "${name}" is written and does not exist`);
      continue;
    }
    const due = c.due.find((d) => d.of === name);
    if (due && !have.has(due.name))
      planned(
        document,
        { name: due.name, comment, of: name, at: due.at },
        `snapshot "${name}" is due by its schedule "${schedule}"`,
      );
  }
  const ours = c.made.filter((m) => have.has(m.name) && !isNeeded(c, m.name));
  // Multipass removes snapshots of stopped instances only, so this waits for the next stop.
  const pruned =
    c.guarded || (take.length === 0 && c.is !== "Stopped")
      ? []
      : c.snapshots.map((document) => beyond(document, ours, take));
  const removes = pruned.flatMap((p) => p.removes);
  const keeps = pruned.flatMap((p) => (p.removes.length > 0 ? p.keeps : []));
  const orphans = ours.filter((m) => isOrphan(m, c.snapshots)).map((m) => m.name);
  return { take, removes, keeps, orphans: orphans.sort(), held, why };
}

/** A snapshot named by a document or by a pending restore is not removed. */
function isNeeded(c: AgentCase, name: string): boolean {
  const wanted = isRestorePending(c) ? c.agent.restore?.snapshot : undefined;
  return (
    name === wanted ||
    name === c.claim?.restoring?.snapshot ||
    c.snapshots.some((s) => s.schedule === undefined && s.name === name)
  );
}

/** The oldest of a schedule beyond its `keep`, counting those about to be taken. */
function beyond(
  { name, schedule, keep }: DesiredSnapshot,
  ours: readonly MadeSnapshot[],
  take: readonly PlannedSnapshot[],
): Pick<SnapshotWork, "removes" | "keeps"> {
  if (schedule === undefined || keep === undefined) return NOTHING;
  const mine = ours
    .filter((m) => m.scheduled && m.of === name)
    .sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1));
  const coming = take.flatMap((t) => (t.of === name ? t.name : []));
  const names = mine.map((m) => m.name);
  const cut = Math.max(0, mine.length + coming.length - keep);
  return { removes: names.slice(0, cut), keeps: [...names.slice(cut), ...coming] };
}

/** Those taken before a restore have no document; they stay until a person removes them. */
const isOrphan = (made: MadeSnapshot, documents: readonly DesiredSnapshot[]): boolean =>
  made.of !== null &&
  !documents.some((d) => d.name === made.of && (d.schedule !== undefined) === made.scheduled);

/** A suspended instance would have to be resumed before it is stopped, which is not part of the request. */
const asleep = (c: AgentCase, have: ReadonlySet<string>): readonly Held[] =>
  c.snapshots
    .flatMap(({ name, schedule }) =>
      schedule === undefined ? name : (c.due.find((d) => d.of === name)?.name ?? []),
    )
    .filter((name) => !have.has(name))
    .map((name) => ({
      agent: c.agent.name,
      reason: "not-ready",
      would: null,
      message: `snapshot "${name}" is not taken while it is suspended: Multipass takes them of stopped instances`,
      release: "write state: stopped or running; it is taken then",
    }));

const waiting = (c: AgentCase, name: string): Held => ({
  agent: c.agent.name,
  reason: "waiting",
  would: null,
  message: `snapshot "${name}" waits until no task runs`,
  release: "nothing to do, or write whenRunning: stop",
});
