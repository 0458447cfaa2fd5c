/** In which order agents are shown: as they are written, or what asks for attention first. Pure. */
import { lastChange, trouble } from "./agent-times.ts";
import type { Model } from "./model.ts";
import type { AgentView } from "./types.ts";

export const ORDERS = ["name", "trouble", "cpu", "memory", "changed"] as const;
export type Order = (typeof ORDERS)[number];

export function ordered(
  agents: readonly AgentView[],
  order: Order,
  health: Model["health"],
): readonly AgentView[] {
  if (order === "name") return agents;
  const figure = (a: AgentView, key: "cpu" | "memory"): number => health[a.name]?.at(-1)?.[key] ?? -1;
  const weight = (a: AgentView): number => {
    if (order === "trouble") return trouble(a);
    return order === "changed" ? (lastChange(a) ?? 0) : figure(a, order);
  };
  // Of the same weight they stay in the order of their names.
  return agents
    .map((agent) => ({ agent, weight: weight(agent) }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ agent }) => agent);
}
