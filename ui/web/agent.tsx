/** One agent in full: wanted beside seen, conditions, heartbeats, tasks, a task to run, what happened to it. */
/** @jsxImportSource preact */
import { useEffect } from "preact/hooks";
import { type CompareRow, compare, holds, isDrifted } from "../client/fleet-filter.ts";
import { findAgent } from "../client/model.ts";
import { conditionMark, DRIFTED, healthMark, syncMark } from "../client/tones.ts";
import type { AgentView } from "../client/types.ts";
import { Failure, Work } from "./agent-row.tsx";
import { HealthCard } from "./agent-health.tsx";
import { Ago, Chip, Empty } from "./bits.tsx";
import { EventList } from "./events.tsx";
import { useLive, useModel } from "./hooks.ts";
import { RunTask } from "./run-task.tsx";
import { TaskTable } from "./tasks.tsx";

/** Its heartbeats are read at this pace while the page is open. */
const HEARTBEAT = 5000;
const TASKS_SHOWN = 10;
const EVENTS_SHOWN = 20;

export function AgentPage({ name }: { readonly name: string }) {
  const live = useLive();
  const agent = useModel((m) => findAgent(m, name));
  const loaded = useModel((m) => m.fleet !== null);
  useEffect(() => live.watchTasks(), [live]);
  useEffect(() => {
    const read = () => {
      if (document.hidden) return;
      live.api
        .getAgent(name)
        .then(({ agent: found }) => live.dispatch({ type: "health", agents: [found] }))
        // An agent whose runtime never came is unknown to the hub; a lost hub is told of elsewhere.
        .catch(() => {});
    };
    read();
    const timer = setInterval(read, HEARTBEAT);
    return () => clearInterval(timer);
  }, [live, name]);
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href="#/fleet">Fleet</a> <span aria-hidden="true">/</span> {name}
      </nav>
      {agent ? (
        <Agent agent={agent} />
      ) : (
        <Empty title={loaded ? `There is no agent "${name}".` : "Waiting for the hub's first answer…"} />
      )}
    </>
  );
}

function Agent({ agent }: { readonly agent: AgentView }) {
  const tasks = useModel((m) => m.tasks);
  const events = useModel((m) => m.events);
  const mine = tasks.filter((t) => t.agent === agent.name).slice(0, TASKS_SHOWN);
  const told = events.filter((e) => e.agent === agent.name && !e.routine).slice(-EVENTS_SHOWN);
  return (
    <>
      <h1>{agent.name}</h1>
      <p class="chips">
        <Chip mark={syncMark(agent.sync)} />
        {isDrifted(agent) && <Chip mark={DRIFTED} />}
        <Chip mark={healthMark(agent.health)} />
        {agent.type !== "" && <span>{agent.type}</span>}
        {agent.ipv4.length > 0 && <span class="mono">{agent.ipv4.join(", ")}</span>}
        {agent.source && (
          <span class="mono dim">
            {agent.source.file}:{agent.source.line}
          </span>
        )}
      </p>
      <Notices agent={agent} />
      <div class="columns">
        <Compare agent={agent} />
        <HealthCard name={agent.name} />
      </div>
      <Conditions agent={agent} />
      <RunTask agent={agent} />
      <section class="card" aria-labelledby="agent-tasks">
        <h2 id="agent-tasks">Tasks</h2>
        {mine.length === 0 ? (
          <p class="dim">No task was given to it yet.</p>
        ) : (
          <TaskTable tasks={mine} agent={false} />
        )}
      </section>
      <section class="card" aria-labelledby="agent-events">
        <h2 id="agent-events">What happened to it</h2>
        <EventList events={told} of={agent.name} />
      </section>
    </>
  );
}

function Notices({ agent }: { readonly agent: AgentView }) {
  const held = holds(agent);
  if (!agent.work && !agent.failure && held.length === 0) return null;
  return (
    <section class="card notices" aria-label="Now">
      {agent.work && <Work work={agent.work} />}
      {agent.failure && <Failure failure={agent.failure} />}
      {held.map((h) => (
        <p key={h.reason + h.message} class="tone-warn">
          <span class="glyph" aria-hidden="true">
            ?
          </span>
          <b>held</b> {h.message}
          <br />
          <span class="dim">release: {h.release}</span>
        </p>
      ))}
    </section>
  );
}

function Compare({ agent }: { readonly agent: AgentView }) {
  const labels = Object.entries(agent.labels);
  return (
    <section class="card" aria-labelledby="compare">
      <h2 id="compare">Wanted and seen</h2>
      <table class="compare">
        <thead>
          <tr>
            <th scope="col">
              <span class="sr">Field</span>
            </th>
            <th scope="col">Wanted</th>
            <th scope="col">Seen</th>
            <th scope="col">
              <span class="sr">Differs</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {compare(agent).map((row) => (
            <Line key={row.what} row={row} />
          ))}
        </tbody>
      </table>
      <dl class="pairs">
        {agent.capabilities.length > 0 && <Pair word="capabilities" text={agent.capabilities.join(", ")} />}
        {labels.length > 0 && <Pair word="labels" text={labels.map(([k, v]) => `${k}=${v}`).join(", ")} />}
        <Pair
          word="snapshots"
          text={
            agent.snapshots === null
              ? "not read"
              : agent.snapshots.length > 0
                ? agent.snapshots.join(", ")
                : "none"
          }
        />
        {agent.document !== agent.name && <Pair word="document" text={agent.document} />}
      </dl>
    </section>
  );
}

function Line({ row }: { readonly row: CompareRow }) {
  return (
    <tr {...(row.differs === true ? { class: "differs" } : {})}>
      <th scope="row">{row.what}</th>
      <td>{row.wanted}</td>
      <td>{row.seen}</td>
      <td>{row.differs === true && <span class="tone-warn">≠ differs</span>}</td>
    </tr>
  );
}

function Pair({ word, text }: { readonly word: string; readonly text: string }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{text}</dd>
    </div>
  );
}

function Conditions({ agent }: { readonly agent: AgentView }) {
  return (
    <section class="card" aria-labelledby="conditions">
      <h2 id="conditions">Conditions</h2>
      <table class="conditions">
        <thead>
          <tr>
            <th scope="col">Condition</th>
            <th scope="col">Status</th>
            <th scope="col">Since</th>
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          {agent.conditions.map((c) => (
            <tr key={c.type}>
              <th scope="row">{c.type}</th>
              <td data-label="status">
                <Chip mark={conditionMark(c.type, c.status)} />
              </td>
              <td data-label="since">
                <Ago at={c.since} />
              </td>
              <td data-label="reason">
                <b>{c.reason}</b> <span class="dim">{c.message}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
