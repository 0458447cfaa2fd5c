/** Taking, removing and restoring snapshots. The intent is recorded first. */
import { VmAgentError } from "../base/errors.ts";
import { isTokenDone, withTokenDone } from "../core/diff/diff-restore.ts";
import { mountsOf } from "../core/diff/fields.ts";
import type { Clock } from "../base/clock.ts";
import type { Claim, ConvergedView, ObservedSnapshot, Step } from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import { type ClaimDeps, owned, putClaim, assertFence } from "./claims.ts";
import {
  type MadeRow,
  type ScheduleRow,
  SNAPSHOTS_KEY,
  madeKey,
  mountsKey,
  scheduleKey,
  sizeKey,
} from "../store/keys.ts";

export interface SnapshotEffectDeps extends ClaimDeps {
  readonly driver: Driver;
  readonly clock: Clock;
}

const listed = async (deps: SnapshotEffectDeps, name: string): Promise<readonly ObservedSnapshot[]> =>
  (await deps.driver.snapshots()).get(name) ?? [];

/** An existing snapshot is kept: the step was done before, or the snapshot is unowned and is not recorded as ours. */
export async function takeSnapshot(deps: SnapshotEffectDeps, step: Step): Promise<void> {
  const { store, driver, clock } = deps;
  const { agent, snapshot } = step;
  if (!snapshot) throw new Error("a snapshot step without a snapshot");
  const { name, comment, of, at, safety } = snapshot;
  const { nonce } = owned(deps, agent);
  if (!(await listed(deps, agent)).some((s) => s.name === name)) {
    await assertFence(deps, agent);
    const row: MadeRow = {
      nonce,
      of: safety ? null : (of ?? name),
      scheduled: of !== undefined,
      at: at ?? clock.now(),
    };
    await store.kv.put(madeKey(agent, name), row);
    await driver.snapshot(agent, name, comment);
  }
  if (of !== undefined && at !== undefined) {
    const former = store.kv.get(scheduleKey(agent, of)) as ScheduleRow | undefined;
    if (former) await store.kv.put(scheduleKey(agent, of), { ...former, since: at } satisfies ScheduleRow);
  }
  await store.kv.remove(SNAPSHOTS_KEY);
}

/**
 * Only an owned snapshot of the same instance, and only while its successors exist: the planning list may be minutes
 * old, and a person may have removed newer ones since.
 */
export async function removeSnapshot(deps: SnapshotEffectDeps, step: Step): Promise<void> {
  const { store, driver } = deps;
  const { agent, snapshot } = step;
  const key = madeKey(agent, snapshot?.name ?? "");
  const row = store.kv.get(key) as MadeRow | undefined;
  if (!snapshot || row?.nonce !== owned(deps, agent).nonce) return;
  const { keeps = [] } = snapshot;
  const there = keeps.length > 0 ? new Set((await listed(deps, agent)).map((s) => s.name)) : null;
  const missing = there && keeps.find((k) => !there.has(k));
  if (missing) {
    await store.kv.remove(SNAPSHOTS_KEY);
    throw gone(agent, missing);
  }
  await assertFence(deps, agent);
  await driver.removeSnapshot(agent, snapshot.name);
  await store.kv.remove(key);
  await store.kv.remove(SNAPSHOTS_KEY);
}

/**
 * The intent is on disk before, and the result with the token after: a crash in between leaves the instance Stopped
 * with the intent, and only then is it repeated.
 */
export async function restore(deps: SnapshotEffectDeps, step: Step): Promise<void> {
  const { store, driver } = deps;
  const { agent, restore: request } = step;
  if (!request) throw new Error("a restore step without a snapshot");
  const mine = owned(deps, agent);
  if (isTokenDone(mine, request.token)) return;
  if (!(await listed(deps, agent)).some((s) => s.name === request.snapshot)) {
    throw gone(agent, request.snapshot);
  }
  await putClaim(deps, agent, { restoring: request });
  await driver.restore(agent, request.snapshot);
  for (const key of [sizeKey(agent), mountsKey(agent), SNAPSHOTS_KEY]) await store.kv.remove(key);
  const converged = mine.converged && (await broughtBack(driver, agent, mine.converged));
  await putClaim(deps, agent, { restoring: null, ...withTokenDone(mine, request.token), converged });
}

const gone = (agent: string, snapshot: string): VmAgentError =>
  new VmAgentError({
    code: "world-moved",
    message: `snapshot "${snapshot}" of "${agent}" is not there any more`,
    next: "nothing to do, the next turn makes a new plan",
    transient: true,
  });

/**
 * Size and mounts are those of the snapshot now (CONTRACT section 10): a difference from the document is an edit, not
 * drift.
 */
async function broughtBack(driver: Driver, name: string, before: ConvergedView): Promise<Claim["converged"]> {
  const { mounts: former, ...rest } = before;
  const size = await driver.size(name).catch(() => null);
  const mounts = (await driver.mounts?.(name).catch(() => former)) ?? former;
  return { ...rest, ...size, ...mountsOf(mounts) };
}
