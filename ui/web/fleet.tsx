/** The fleet: counts that filter, one row an agent, what is being done to it, and what happened last. */
/** @jsxImportSource preact */
import { useState } from "preact/hooks";
import { FILTER_WORDS, FILTERS, type Filter, counts, matching } from "../client/fleet-filter.ts";
import { count } from "../client/format.ts";
import type { FleetView } from "../client/types.ts";
import { AgentRow } from "./agent-row.tsx";
import { Empty } from "./bits.tsx";
import { EventList } from "./events.tsx";
import { useModel } from "./hooks.ts";

/** Rows that are drawn before somebody asks for more. */
const PAGE = 200;
const RECENT = 6;

export function FleetViewPage() {
  const fleet = useModel((m) => m.fleet);
  const events = useModel((m) => m.events);
  const [filter, setFilter] = useState<Filter>("all");
  const [text, setText] = useState("");
  const [shown, setShown] = useState(PAGE);
  if (!fleet) return <Empty title="Waiting for the hub's first answer…" />;
  const showAll = () => {
    setFilter("all");
    setText("");
  };
  const agents = matching(fleet.agents, filter, text);
  return (
    <>
      <h1 class="sr">Fleet</h1>
      <div class="toolbar">
        <Counts fleet={fleet} chosen={filter} onChoose={setFilter} />
        <label class="search">
          <span class="sr">Filter by name, type, state or label</span>
          <input
            type="search"
            placeholder="Filter: name, type, state, label"
            value={text}
            onInput={(e) => setText(e.currentTarget.value)}
          />
        </label>
      </div>
      {agents.length > 0 ? (
        <table class="fleet">
          <thead>
            <tr>
              <th scope="col">Agent</th>
              <th scope="col">Wanted → seen</th>
              <th scope="col">Sync</th>
              <th scope="col">Health</th>
              <th scope="col">Load</th>
              <th scope="col">Tasks</th>
            </tr>
          </thead>
          {agents.slice(0, shown).map((agent) => (
            <AgentRow key={agent.name} agent={agent} />
          ))}
        </table>
      ) : (
        <NoAgents fleet={fleet} onAll={showAll} />
      )}
      {agents.length > shown && (
        <button type="button" onClick={() => setShown(shown + PAGE)}>
          Show {Math.min(PAGE, agents.length - shown)} more of {agents.length}
        </button>
      )}
      <p class="dim foot">
        {fleet.foreign !== null &&
          fleet.foreign > 0 &&
          `${count(fleet.foreign, "instance")} not ours, never touched. `}
        {fleet.settled ? "Nothing is left to do." : "The loop is at work."}
      </p>
      <section aria-labelledby="recent">
        <h2 id="recent">Last events</h2>
        <EventList events={events.filter((e) => !e.routine && e.kind !== "command").slice(-RECENT)} />
      </section>
    </>
  );
}

interface CountsProps {
  readonly fleet: FleetView;
  readonly chosen: Filter;
  readonly onChoose: (filter: Filter) => void;
}

const TONES: Readonly<Record<Filter, string>> = {
  all: "dim",
  ready: "good",
  working: "accent",
  drifted: "warn",
  held: "warn",
  failing: "bad",
};

function Counts({ fleet, chosen, onChoose }: CountsProps) {
  const found = counts(fleet.agents);
  return (
    <fieldset class="counts">
      <legend class="sr">Show</legend>
      {FILTERS.map((f) => (
        <button
          key={f}
          type="button"
          class={`count ${found[f] > 0 ? `tone-${TONES[f]}` : "zero"}`}
          aria-pressed={chosen === f}
          onClick={() => onChoose(chosen === f ? "all" : f)}
        >
          <b>{found[f]}</b> {f === "all" && found[f] === 1 ? "agent" : FILTER_WORDS[f]}
        </button>
      ))}
    </fieldset>
  );
}

function NoAgents({ fleet, onAll }: { readonly fleet: FleetView; readonly onAll: () => void }) {
  if (fleet.agents.length > 0) {
    return (
      <Empty title="No agent matches.">
        <button type="button" onClick={onAll}>
          Show all {fleet.agents.length}
        </button>
      </Empty>
    );
  }
  return (
    <Empty title="No agents are written yet.">
      <p>
        Write a document of <code>kind: Agent</code> below <code>{fleet.fleet}</code>; it is read as soon as
        it is saved.
      </p>
    </Empty>
  );
}
