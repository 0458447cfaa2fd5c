/** The fleet in figures, on every view: each leads to the agents that it counts. */
/** @jsxImportSource preact */
import { counts, FILTER_WORDS, FILTERS, type Filter } from "../client/fleet-filter.ts";
import { fleetQuery, parseFleetQuery } from "../client/fleet-query.ts";
import { useModel, useRoute } from "./hooks.ts";

const TONES: Readonly<Record<Filter, string>> = {
  all: "dim",
  ready: "good",
  working: "accent",
  drifted: "warn",
  held: "warn",
  failing: "bad",
};

export function Counts() {
  const agents = useModel((m) => m.fleet?.agents);
  const route = useRoute();
  if (!agents) return null;
  const found = counts(agents);
  const query = route.view === "fleet" ? parseFleetQuery(route.query) : null;
  const chosen = query?.filter ?? null;
  // What there is none of is told by its absence; what is chosen stays, so that it can be left.
  const shown = FILTERS.filter((f) => f === "all" || found[f] > 0 || f === chosen);
  return (
    <nav class="counts" aria-label="The fleet in figures">
      {shown.map((f) => (
        <a
          key={f}
          class={`count tone-${found[f] > 0 ? TONES[f] : "dim"}`}
          href={`#/fleet${fleetQuery({ filter: chosen === f ? "all" : f, order: query?.order ?? "name" })}`}
          {...(chosen === f ? { "aria-current": "true" as const } : {})}
        >
          <b>{found[f]}</b> {f === "all" && found[f] === 1 ? "agent" : FILTER_WORDS[f]}
        </a>
      ))}
    </nav>
  );
}
