/** History of fleet revisions: when each came into force, by whom, and its result. Kept in the store. */
import type { Clock } from "../../base/clock.ts";
import type { Bus } from "../../base/events.ts";
import type { Counts, Desired, Instant } from "../../core/types.ts";
import type { KeyValueStore, Store } from "../../store/store.ts";
import type { FleetState } from "../../fleet/source.ts";
import { type Author, authorOf } from "../../fleet/git/author.ts";
import type { Loop } from "../loop.ts";

export type HistoryResult = "converged" | "failed" | "held" | "superseded";

export interface HistoryEntry extends Author {
  readonly seq: number;
  /** When it came into force here. */
  readonly at: Instant;
  readonly endedAt: Instant;
  /** Full hash of the commit; null: outside a repository. */
  readonly revision: string | null;
  /** True: the working tree differs from that revision. */
  readonly dirty: boolean;
  /** Hash of its content. */
  readonly hash: string;
  readonly agents: number;
  /** Counts of its first plan. */
  readonly plan: Counts;
  /** `superseded`: a newer revision came before this one converged. */
  readonly result: HistoryResult;
  /** Agents that failed or were held. */
  readonly left: readonly string[];
}

/** kv key: the last revision whose change of this agent was carried out. */
const APPLIED = "applied/";
const appliedKey = (agent: string): string => `${APPLIED}${agent}`;

export interface Applied {
  readonly revision: string | null;
  readonly dirty: boolean;
  readonly at: Instant;
}

const PREFIX = "history/";
const keyOf = (seq: number): string => `${PREFIX}${String(seq).padStart(9, "0")}`;

/** Older entries are dropped. */
export const HISTORY_KEPT = 1000;
const LEFT_KEPT = 50;

/** Newest first. */
export function readHistory(kv: KeyValueStore, limit = HISTORY_KEPT): readonly HistoryEntry[] {
  const all = [...kv.all(PREFIX)].sort(([a], [b]) => (a < b ? 1 : -1));
  return all.slice(0, limit).map(([, value]) => value as HistoryEntry);
}

export interface HistoryDeps {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly loop: Pick<Loop, "last" | "isSettled" | "queue">;
  readonly fleet: () => FleetState;
  readonly folder: string;
  /** Called when a write fails; nothing else depends on it. */
  readonly onError?: (error: unknown) => void;
}

export interface History {
  /** Agent to the revision of its last change. */
  applied(): ReadonlyMap<string, Applied>;
  /** Resolves when everything is on disk. */
  close(): Promise<void>;
}

interface Open {
  readonly desired: Desired;
  readonly at: Instant;
  readonly plan: Counts;
}

/** Subscribes to the loop and writes. The entry of the last run is continued. */
export function recordHistory(deps: HistoryDeps): History {
  const { store, bus, clock, loop } = deps;
  let [last] = readHistory(store.kv, 1) as readonly (HistoryEntry | undefined)[];
  let open: Open | null = null;
  let inFlight: Promise<void> = Promise.resolve();
  const enqueue = (work: () => Promise<void>) => {
    inFlight = inFlight.then(work).catch((error: unknown) => deps.onError?.(error));
  };

  const write = async (of: Open, outcome: Pick<HistoryEntry, "result" | "left">) => {
    const same = last !== undefined && isSame(last, of.desired) ? last : null;
    if (same && same.result === outcome.result && String(same.left) === String(outcome.left)) return;
    const { desired } = of;
    const author = same ?? (await authorOf(deps.folder, desired));
    const entry: HistoryEntry = {
      seq: same?.seq ?? (last?.seq ?? 0) + 1,
      at: same?.at ?? of.at,
      endedAt: clock.now(),
      revision: desired.revision,
      dirty: desired.dirty ?? false,
      hash: desired.hash,
      agents: desired.agents.length,
      who: author.who,
      committer: author.committer,
      subject: author.subject,
      change: author.change,
      plan: same?.plan ?? of.plan,
      ...outcome,
    };
    // A commit that does not touch the fleet adds no entry.
    if (!same && last !== undefined && isRepeated(last, entry)) {
      last = { ...last, revision: entry.revision };
      return;
    }
    last = entry;
    await store.kv.put(keyOf(entry.seq), entry);
    await store.kv.remove(keyOf(entry.seq - HISTORY_KEPT));
  };

  const judge = () => {
    const turn = loop.last;
    const { desired, stale } = deps.fleet();
    if (!turn || !desired || stale) return;
    if (turn.plan.desiredHash !== desired.hash || turn.plan.revision !== desired.revision) return;
    if (turn.observed.instances.kind === "unobservable") return;
    if (open === null || !isSame(toKey(open.desired), desired)) {
      const before = open;
      const known = last !== undefined && isSame(last, desired);
      open = { desired, at: clock.now(), plan: turn.plan.counts };
      if (before !== null && !known) enqueue(() => supersede(before));
    }
    if (!loop.isSettled) return;
    const of = open;
    const failed = [...loop.queue.failures().keys()].filter((name) => name !== "");
    const held = turn.plan.held.map((item) => item.agent);
    const result = failed.length > 0 ? "failed" : held.length > 0 ? "held" : "converged";
    const left = [...new Set([...failed, ...held])].sort().slice(0, LEFT_KEPT);
    enqueue(() => write(of, { result, left }));
  };
  const supersede = async (before: Open) => {
    if (last !== undefined && isSame(last, before.desired)) return;
    await write(before, { result: "superseded", left: [] });
  };

  const all = new Map(
    [...store.kv.all(APPLIED)].map(([key, value]) => [key.slice(APPLIED.length), value as Applied]),
  );
  const remember = (agent: string) => {
    const { desired } = deps.fleet();
    if (!desired) return;
    const { revision, dirty = false } = desired;
    const applied: Applied = { revision, dirty, at: clock.now() };
    const isWanted = desired.agents.some(({ name }) => name === agent);
    if (isWanted) all.set(agent, applied);
    else all.delete(agent);
    enqueue(() => (isWanted ? store.kv.put(appliedKey(agent), applied) : store.kv.remove(appliedKey(agent))));
  };

  // `planned` is emitted in the middle of a turn; the loop's decision is known when the turn is over.
  const offs = [
    bus.on("planned", () => void setImmediate(judge)),
    bus.on("agent.converged", ({ agent }) => remember(agent)),
  ];
  return {
    applied: () => all,
    async close() {
      for (const off of offs) off();
      judge();
      await inFlight;
    },
  };
}

interface Identity {
  readonly hash: string;
  readonly revision: string | null;
  readonly dirty?: boolean;
}

const toKey = ({ hash, revision, dirty = false }: Desired): Identity => ({ hash, revision, dirty });

const isSame = (a: Identity, b: Identity): boolean =>
  a.hash === b.hash && a.revision === b.revision && (a.dirty ?? false) === (b.dirty ?? false);

const isRepeated = (last: HistoryEntry, next: HistoryEntry): boolean =>
  last.hash === next.hash &&
  last.change === next.change &&
  last.dirty === next.dirty &&
  last.result === next.result;
