/** Records of snapshots beside Multipass's list: which are owned, up to when each schedule is done, what is due. */
import type { Claim, Desired, DueSnapshot, MadeSnapshot, ObservedSnapshot } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { type MadeRow, type ScheduleRow, madeKey, scheduleKey } from "../store/keys.ts";
import { latestInstant, scheduledName } from "./schedule.ts";

/** Snapshots by instance, as Multipass lists them. */
export type SnapshotLists = Readonly<Record<string, readonly ObservedSnapshot[]>>;

/** Owned snapshots of instances that are still the same. */
export function madeSnapshots(store: Store, claims: ReadonlyMap<string, Claim>): readonly MadeSnapshot[] {
  const made: MadeSnapshot[] = [];
  for (const [key, value] of store.kv.all("made/")) {
    const [, agent = "", name = ""] = key.split("/");
    const { nonce, of, scheduled, at } = value as MadeRow;
    if (claims.get(agent)?.nonce === nonce) made.push({ agent, name, of, scheduled, at });
  }
  return made;
}

export interface DueOptions {
  readonly claims: ReadonlyMap<string, Claim>;
  readonly made: readonly MadeSnapshot[];
  /** Null: not read. */
  readonly snapshots: SnapshotLists | null;
  readonly timeZone: string;
  readonly now: number;
  /** Null: read-only, stores nothing. */
  readonly fence: number | null;
}

/** Scheduled runs that are due and not taken. Records new schedules, and runs that were taken before a crash. */
export async function dueSnapshots(
  store: Store,
  desired: Desired,
  options: DueOptions,
): Promise<readonly DueSnapshot[]> {
  const { claims, made, snapshots, timeZone, now, fence } = options;
  const latest = new Map<string, number | null>();
  const due: DueSnapshot[] = [];
  for (const { agent, name: of, schedule } of desired.snapshots) {
    const claim = claims.get(agent);
    // Before the agent was Ready once there is nothing worth keeping.
    if (schedule === undefined || !claim?.converged) continue;
    const row = store.kv.get(scheduleKey(agent, of)) as ScheduleRow | undefined;
    const noted = async (since: number) => {
      const next: ScheduleRow = { nonce: claim.nonce, schedule, since };
      if (fence !== null) await store.kv.put(scheduleKey(agent, of), next);
    };
    const isKnown = row?.nonce === claim.nonce && row.schedule === schedule;
    // Otherwise a clock that was set back would delay all runs until it has caught up.
    if (!isKnown || row.since > now) {
      await noted(now);
      continue;
    }
    if (!latest.has(schedule)) latest.set(schedule, latestInstant({ cron: schedule, timeZone }, now));
    const at = latest.get(schedule) ?? null;
    if (at === null || at <= row.since) continue;
    const name = scheduledName(of, at, timeZone);
    const isTaken = snapshots?.[agent]?.some((s) => s.name === name) ?? false;
    if (isTaken && made.some((m) => m.agent === agent && m.name === name)) await noted(at);
    else due.push({ agent, of, name, at });
  }
  return due;
}

/** How long the record of an unlisted snapshot is kept: a wedged daemon may still take it. */
const NOTE_KEPT_MS = 60 * 60_000;

/**
 * Removes records of snapshots that are gone, so that a later one of that name is not taken for ours. `snapshots`: just
 * read.
 */
export async function forgetGone(
  store: Store,
  made: readonly MadeSnapshot[],
  snapshots: SnapshotLists,
  busy: ReadonlySet<string>,
  now: number,
): Promise<void> {
  for (const { agent, name, at } of made) {
    const isListed = snapshots[agent]?.some((s) => s.name === name) ?? false;
    if (!isListed && !busy.has(agent) && now - at > NOTE_KEPT_MS) await store.kv.remove(madeKey(agent, name));
  }
}

/** Removes all records of an instance that is gone or will be recreated. */
export async function forgetSnapshots(store: Store, name: string): Promise<void> {
  for (const prefix of ["made", "schedule"])
    for (const key of store.kv.all(`${prefix}/${name}/`).keys()) await store.kv.remove(key);
}
