/** Kills processes that a task of a former run of the runtime left behind. */
import { TASK_MARK } from "./exec.ts";
import type { JournalEntry } from "./journal.ts";
import type { Log } from "../host/log.ts";
import { endGroup, GRACE, type Grace, isSame, marked, readStat } from "./processes.ts";

export interface LeftoverDeps {
  readonly agent: string;
  readonly bootId: string;
  readonly log: Log;
  readonly grace?: Grace;
}

/**
 * A group is ours if its leader is the very process that was recorded (pid and start time of the same boot). The leader
 * may be gone while its children live, or the runtime may have died before it could record it: then the mark in the
 * environment proves it. A bare pid proves nothing and is never signalled.
 */
export async function endLeftovers(entry: JournalEntry, deps: LeftoverDeps): Promise<void> {
  const mark = [TASK_MARK, `${deps.agent}/${entry.taskId}`] as const;
  const leader = entry.process;
  const stray = marked(...mark)[0];
  const group =
    leader !== undefined && leader.bootId === deps.bootId && isSame(leader.pid, leader.startTime)
      ? leader.pid
      : stray === undefined
        ? null
        : (readStat(stray)?.group ?? null);
  if (group === null) return;
  const gone = await endGroup(group, mark, deps.grace ?? GRACE);
  if (!gone) deps.log.error(`processes of task ${entry.taskId} could not be ended`);
}
