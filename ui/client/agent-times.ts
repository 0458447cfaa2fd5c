/** When something last changed for an agent, and how bad things are for it. Pure. */
import { holds, isDrifted } from "./fleet-filter.ts";
import type { AgentView } from "./types.ts";

/** The newest of what is known; null: nothing is. */
export function lastChange(agent: AgentView): number | null {
  const times = agent.conditions.map((c) => c.since);
  if (agent.work) times.push(agent.work.stepSince);
  if (agent.applied) times.push(agent.applied.at);
  return times.length === 0 ? null : Math.max(...times);
}

/** The worst first when sorted downwards: what failed, what is sick, what differs, what is in work, what is well. */
export function trouble(agent: AgentView): number {
  if (agent.failure) return 6;
  if (agent.health === "Offline" || agent.health === "Missing") return 5;
  if (agent.health === "Degraded" || isDrifted(agent)) return 4;
  if (holds(agent).length > 0) return 3;
  if (agent.sync === "OutOfSync") return 2;
  return agent.work ? 1 : 0;
}
