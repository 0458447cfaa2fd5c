/** One agent in full: desired beside observed, conditions, heartbeats, tasks, a task to run, its timeline. */
/** @jsxImportSource preact */
import { useEffect, useState } from "preact/hooks";
import { nextWords } from "../../client/agent-words.ts";
import { isDrifted } from "../../client/fleet-filter.ts";
import { findAgent, isRead } from "../../client/model.ts";
import { conditionMark, DRIFTED, healthMark, syncMark } from "../../client/tones.ts";
import type { AgentView } from "../../client/types.ts";
import { Compare } from "./agent-compare.tsx";
import { HealthCard } from "./agent-health.tsx";
import { Remark, saidOf } from "./agent-notes.tsx";
import { AgentLog } from "./agent-log.tsx";
import { Snapshots } from "./agent-snapshots.tsx";
import { Timeline } from "./agent-timeline.tsx";
import { Ago, Chip, Empty, problemWords } from "../parts/bits.tsx";
import { EventList } from "./events.tsx";
import { useLive, useModel, useNow } from "../app/hooks.ts";
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
        // An agent whose runtime has never connected is unknown to the hub; a lost hub is reported elsewhere.
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
        <Empty title={loaded ? `There is no agent "${name}".` : "Waiting for the hub's first answer…"}>
          {loaded && (
            <p>
              Its document may be gone, or it has another name. <a href="#/fleet">All agents</a>
            </p>
          )}
        </Empty>
      )}
    </>
  );
}

function Agent({ agent }: { readonly agent: AgentView }) {
  const tasks = useModel((m) => m.tasks);
  const events = useModel((m) => m.events);
  const mine = tasks.filter((t) => t.agent === agent.name && isRead(t)).slice(0, TASKS_SHOWN);
  useOwnTasks(agent.name);
  const reported = events.filter((e) => e.agent === agent.name && !e.routine).slice(-EVENTS_SHOWN);
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
        <LookAgain name={agent.name} />
      </p>
      <Notices agent={agent} />
      <div class="columns">
        <Compare agent={agent} />
        <HealthCard name={agent.name} />
      </div>
      <Timeline name={agent.name} />
      <RunTask agent={agent} />
      <div class="columns">
        <Conditions agent={agent} />
        <Snapshots agent={agent} />
      </div>
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
        <EventList events={reported} of={agent.name} />
      </section>
      <AgentLog name={agent.name} />
    </>
  );
}

/** The loop looks at it now, and not only when something happens. */
function LookAgain({ name }: { readonly name: string }) {
  const live = useLive();
  const [reported, setReported] = useState("");
  const ask = () => {
    live.api.reconcile([name]).then(
      () => setReported("The loop looks at it now."),
      (e: unknown) => setReported(problemWords(e)),
    );
  };
  return (
    <span class="look-again">
      <span role="status" class="dim">
        {reported}
      </span>
      <button type="button" aria-keyshortcuts="r" onClick={ask}>
        Look again
      </button>
    </span>
  );
}

/** In a busy fleet its last task may be older than the newest of all. */
function useOwnTasks(agent: string): void {
  const live = useLive();
  const foundAt = useModel((m) => m.link.foundAt);
  // again after a lost hub, for what was missed
  useEffect(() => {
    live.api.listTasks({ agent, limit: TASKS_SHOWN }).then(
      ({ tasks }) => live.dispatch({ type: "tasks", tasks }),
      // A lost hub is reported elsewhere.
      () => {},
    );
  }, [live, agent, foundAt]);
}

function Notices({ agent }: { readonly agent: AgentView }) {
  const { next, notes = [] } = agent;
  const said = saidOf(agent);
  const now = useNow();
  if (said.length + notes.length === 0 && !next) return null;
  return (
    <section class="card notices" aria-label="Now">
      {said}
      {next && <Remark glyph="…" text={`next: ${nextWords(next, now)}`} />}
      {notes.map((note) => (
        <Remark key={note} glyph="·" text={note} />
      ))}
    </section>
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
