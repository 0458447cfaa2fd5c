/** The fleet in figures, on every view: each leads to the agents that it counts. */
/** @jsxImportSource preact */
import { counts, FILTER_TONES, FILTERS, filterWord } from "../../client/fleet-filter.ts";
import { fleetQuery, parseFleetQuery } from "../../client/fleet-query.ts";
import { useModel, useRoute } from "../app/hooks.ts";

export function Counts() {
  const agents = useModel((m) => m.fleet?.agents);
  const route = useRoute();
  if (!agents) return null;
  const found = counts(agents);
  const query = route.view === "fleet" ? parseFleetQuery(route.query) : null;
  const chosen = query?.filter ?? null;
  // Zero counts are omitted; a selected filter stays so that it can be cleared.
  const shown = FILTERS.filter((f) => f === "all" || found[f] > 0 || f === chosen);
  return (
    <nav class="counts" aria-label="The fleet in figures">
      {shown.map((f) => (
        <a
          key={f}
          class={`count tone-${found[f] > 0 ? FILTER_TONES[f] : "dim"}`}
          href={`#/fleet${fleetQuery({ filter: chosen === f ? "all" : f, order: query?.order ?? "name" })}`}
          {...(chosen === f ? { "aria-current": "true" as const } : {})}
        >
          <b>{found[f]}</b> {filterWord(f, found[f])}
        </a>
      ))}
    </nav>
  );
}
