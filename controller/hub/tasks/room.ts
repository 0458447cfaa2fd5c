/** Whether a task may be accepted, and whether a runtime supports it at delivery. */
import type { Agent } from "../runtimes/agent.ts";
import type { Limits } from "../limits.ts";
import { refuse } from "../refusals.ts";

/** `agents`: one entry for each new task. Errors: `queue-full`. */
export function assertRoom(open: number, agents: readonly Agent[], limits: Limits): void {
  const { maxQueuedTasks, maxOpenTasks } = limits;
  if (open + agents.length > maxOpenTasks) throw refuse.queueFull("all agents", maxOpenTasks);
  const counts = new Map<Agent, number>();
  for (const agent of agents) counts.set(agent, (counts.get(agent) ?? 0) + 1);
  for (const [{ id, queue }, more] of counts) {
    if (queue.waiting + queue.arriving + more > maxQueuedTasks) throw refuse.queueFull(id, maxQueuedTasks);
  }
}

/** The reason why not; null: supported, as far as known. */
export function unsupported(agent: Agent, type: string): string | null {
  const supports = agent.facts?.supports;
  if (!supports || supports.includes(type)) return null;
  return refuse.notSupported(agent.id, type, supports).message;
}
