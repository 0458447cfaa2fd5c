/** What is shown of the fleet, as it stands in an address: `show=drifted&health=Offline&order=trouble&q=web`. Pure. */
import { FILTERS, type Filter, matching } from "./fleet-filter.ts";
import { ORDERS, type Order, ordered } from "./fleet-order.ts";
import type { Model } from "./model.ts";
import { HEALTHS, SYNCS } from "./tones.ts";
import type { AgentView } from "./types.ts";

export interface FleetQuery {
  readonly filter: Filter;
  /** Empty: any. */
  readonly sync: string;
  readonly health: string;
  readonly order: Order;
  readonly text: string;
}

export const WHOLE_FLEET: FleetQuery = { filter: "all", sync: "", health: "", order: "name", text: "" };

export function parseFleetQuery(query: string): FleetQuery {
  const found = new URLSearchParams(query);
  // What an address says that is no word of ours is as if it said nothing.
  const among = <T extends string>(words: readonly T[], key: string): T | undefined =>
    words.find((w) => w === found.get(key));
  return {
    filter: among(FILTERS, "show") ?? "all",
    sync: among(SYNCS, "sync") ?? "",
    health: among(HEALTHS, "health") ?? "",
    order: among(ORDERS, "order") ?? "name",
    text: found.get("q") ?? "",
  };
}

/** Empty, or with its question mark. */
export function fleetQuery({ filter, sync, health, order, text }: Partial<FleetQuery>): string {
  const pairs = {
    show: filter === "all" ? "" : filter,
    sync,
    health,
    order: order === "name" ? "" : order,
    q: text,
  };
  const said = Object.entries(pairs).filter((p): p is [string, string] => (p[1] ?? "") !== "");
  const query = new URLSearchParams(said).toString();
  return query === "" ? "" : `?${query}`;
}

export function chosenAgents(
  agents: readonly AgentView[],
  query: FleetQuery,
  health: Model["health"],
): readonly AgentView[] {
  const { sync, health: wanted } = query;
  const found = matching(agents, query.filter, query.text).filter(
    (a) => (sync === "" || a.sync === sync) && (wanted === "" || a.health === wanted),
  );
  return ordered(found, query.order, health);
}
