/** Declared snapshots that do not exist yet: which can be taken now, and which wait. */
import type { AgentCase } from "./diff-agent.ts";
import type { Change, Held } from "./types.ts";

export function missingSnapshots(c: AgentCase): {
  readonly take: Change["snapshots"];
  readonly held: readonly Held[];
} {
  const known = c.instance?.snapshots;
  // A snapshot is of an agent that was Ready once; before that there is nothing worth keeping.
  if (!known || !c.claim?.converged || (c.is !== "Running" && c.is !== "Stopped"))
    return { take: [], held: [] };
  const have = new Set(known.map((s) => s.name));
  const missing = c.snapshots.filter((s) => s.schedule === undefined && !have.has(s.name));
  const busy = c.is === "Running" && (c.runtime?.runningTasks ?? 0) > 0;
  const waits = missing.filter((s) => s.whenRunning === "wait" && busy);
  return {
    take: missing.filter((s) => !waits.includes(s)).map(({ name, comment }) => ({ name, comment })),
    held: waits.map((s) => ({
      agent: c.agent.name,
      reason: "waiting" as const,
      would: null,
      message: `snapshot "${s.name}" waits until no task runs`,
      release: "nothing to do, or write whenRunning: stop",
    })),
  };
}
