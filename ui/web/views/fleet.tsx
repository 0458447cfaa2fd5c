/** The fleet: one row an agent, filtered as the address says, what is being done to it, and what happened last. */
/** @jsxImportSource preact */
import { useRef } from "preact/hooks";
import { FILTER_WORDS } from "../../client/fleet-filter.ts";
import { ORDERS, type Order } from "../../client/fleet-order.ts";
import { chosenAgents, type FleetQuery, fleetQuery, WHOLE_FLEET } from "../../client/fleet-query.ts";
import { count } from "../../client/format.ts";
import type { Model } from "../../client/model.ts";
import { HEALTHS, SYNCS } from "../../client/tones.ts";
import type { AgentView, FleetView } from "../../client/types.ts";
import { AgentRow } from "./agent-row.tsx";
import { Empty } from "../parts/bits.tsx";
import { Choice } from "../parts/choice.tsx";
import { EventList } from "./events.tsx";
import { showPlace, useModel } from "../app/hooks.ts";
import { Search } from "../parts/search.tsx";
import { useRows } from "../parts/use-rows.ts";
import { useWindow } from "../parts/use-window.ts";

const RECENT = 6;

const NO_HEALTH: Model["health"] = {};

const showFleet = (query: FleetQuery): void => showPlace(`fleet${fleetQuery(query)}`);

function shownWords({ filter, sync, health }: FleetQuery, found: number, all: number): string {
  const words = [filter === "all" ? "" : FILTER_WORDS[filter], sync, health].filter((w) => w !== "");
  return [`${found} of ${all}`, ...words].join(", ");
}

export interface FleetViewPageProps {
  readonly query: FleetQuery;
  /** The agent whose page was left for this one. */
  readonly from: string | null;
}

export function FleetViewPage({ query, from }: FleetViewPageProps) {
  const fleet = useModel((m) => m.fleet);
  const events = useModel((m) => m.events);
  // Heartbeats matter for these orders alone.
  const health = useModel((m) => (query.order === "cpu" || query.order === "memory" ? m.health : NO_HEALTH));
  if (!fleet) return <Empty title="Waiting for the hub's first answer…" />;
  const agents = chosenAgents(fleet.agents, query, health);
  return (
    <>
      <div class="toolbar">
        <h1>Fleet</h1>
        <span class="dim" role="status">
          {agents.length < fleet.agents.length && shownWords(query, agents.length, fleet.agents.length)}
        </span>
        <Choices agents={fleet.agents} query={query} />
        <Search
          shortcut="/"
          word="Filter by name, type, state or label"
          placeholder="Filter: name, type, state, label"
          text={query.text}
          onText={(text) => showFleet({ ...query, text })}
        />
      </div>
      {agents.length > 0 ? <Table agents={agents} first={from} /> : <NoAgents fleet={fleet} />}
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

const ORDER_WORDS: Readonly<Record<Order, string>> = {
  name: "by name",
  trouble: "trouble first",
  cpu: "most CPU first",
  memory: "most memory first",
  changed: "last change first",
};

/** Only states that occur are offered, with their count; a selected state stays. */
function Choices({ agents, query }: { readonly agents: readonly AgentView[]; readonly query: FleetQuery }) {
  const states = (key: "sync" | "health", words: readonly string[]) =>
    words.flatMap((word) => {
      const found = agents.filter((a) => a[key] === word).length;
      return found > 0 || query[key] === word ? [{ value: word, text: `${word} (${found})` }] : [];
    });
  return (
    <div class="choices">
      <Choice
        word="Sync"
        value={query.sync}
        options={[{ value: "", text: "any sync" }, ...states("sync", SYNCS)]}
        onChoose={(sync) => showFleet({ ...query, sync })}
      />
      <Choice
        word="Health"
        value={query.health}
        options={[{ value: "", text: "any health" }, ...states("health", HEALTHS)]}
        onChoose={(health) => showFleet({ ...query, health })}
      />
      <Choice
        word="Order"
        value={query.order}
        options={ORDERS.map((order) => ({ value: order, text: ORDER_WORDS[order] }))}
        onChoose={(order) => showFleet({ ...query, order: order as Order })}
      />
    </div>
  );
}

interface TableProps {
  readonly agents: readonly AgentView[];
  /** The agent whose page was left: its row has the focus again. */
  readonly first: string | null;
}

function Table({ agents, first }: TableProps) {
  const box = useRef<HTMLTableElement>(null);
  const names = agents.map((a) => a.name);
  const { pinned, onKeyDown, onFocusIn } = useRows(names, box, first);
  const pieces = useWindow(names, box, pinned);
  return (
    <table
      class="fleet"
      ref={box}
      aria-rowcount={agents.length + 1}
      onKeyDown={onKeyDown}
      onFocusIn={onFocusIn}
    >
      <thead>
        <tr aria-rowindex={1}>
          <th scope="col">Agent</th>
          <th scope="col" title="desired → observed">
            State
          </th>
          <th scope="col">Sync</th>
          <th scope="col">Health</th>
          <th scope="col">Load</th>
          <th scope="col">Tasks</th>
        </tr>
      </thead>
      {pieces.flatMap((piece, n) =>
        "space" in piece
          ? // A space of this number is between the same pieces.
            [<Space key={`space ${n}`} height={piece.space} />]
          : agents
              .slice(piece.from, piece.to)
              .map((agent, i) => <AgentRow key={agent.name} agent={agent} index={piece.from + i + 2} />),
      )}
    </table>
  );
}

function Space({ height }: { readonly height: number }) {
  return (
    <tbody class="space" aria-hidden="true">
      <tr>
        <td colSpan={6} style={{ height: `${height}px` }} />
      </tr>
    </tbody>
  );
}

function NoAgents({ fleet }: { readonly fleet: FleetView }) {
  if (fleet.agents.length > 0) {
    return (
      <Empty title="No agent matches.">
        <button type="button" onClick={() => showFleet(WHOLE_FLEET)}>
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
