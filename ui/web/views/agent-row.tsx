/** One agent of the fleet: its states with words, its load, and underneath what is done, failed or held. */
/** @jsxImportSource preact */
import { Component } from "preact";
import { isDrifted } from "../../client/fleet-filter.ts";
import { DRIFTED, healthMark, syncMark } from "../../client/tones.ts";
import type { AgentView } from "../../client/types.ts";
import { saidOf } from "./agent-notes.tsx";
import { Ago, Chip, Spark } from "../parts/bits.tsx";
import { agentLink, useModel } from "../app/hooks.ts";

export interface AgentRowProps {
  readonly agent: AgentView;
  /** Its place among all rows of the table, of which not all are drawn. */
  readonly index: number;
}

/** Drawn again only when its agent is another value; load and ages are components of their own. */
export class AgentRow extends Component<AgentRowProps> {
  override shouldComponentUpdate(next: AgentRowProps): boolean {
    return next.agent !== this.props.agent || next.index !== this.props.index;
  }

  override render() {
    const { agent, index } = this.props;
    return (
      <tbody data-row={agent.name}>
        <tr aria-rowindex={index}>
          <th scope="row">
            <a href={agentLink(agent.name)}>{agent.name}</a>
            {agent.type !== "" && <small>{agent.type}</small>}
          </th>
          <td data-label="desired → observed">
            <States agent={agent} />
          </td>
          <td data-label="sync" class="chips">
            <Chip mark={syncMark(agent.sync)} />
            {isDrifted(agent) && <Chip mark={DRIFTED} />}
          </td>
          <td data-label="health">
            <Chip mark={healthMark(agent.health)} />
            <small>
              <Runtime agent={agent} />
            </small>
          </td>
          <td data-label="load">
            <Load agent={agent} />
          </td>
          <td data-label="tasks">
            <Tasks agent={agent} />
          </td>
        </tr>
        <Notes agent={agent} />
      </tbody>
    );
  }
}

function States({ agent: { wanted, seen } }: { readonly agent: AgentView }) {
  const differs = seen !== "?" && wanted !== seen.toLowerCase();
  return (
    <span class={differs ? "states tone-warn" : "states"}>
      {wanted} <span aria-hidden="true">→</span>
      <span class="sr"> desired, observed </span> {seen === "?" ? "unobservable" : seen}
    </span>
  );
}

function Runtime({ agent: { runtime } }: { readonly agent: AgentView }) {
  if (runtime === null) return <>no runtime</>;
  return (
    <>
      runtime {runtime.status}
      {runtime.status === "online" ? ` ${runtime.version}` : ", seen "}
      {runtime.status !== "online" && <Ago at={runtime.lastSeen} />}
    </>
  );
}

function Load({ agent: { name, seen } }: { readonly agent: AgentView }) {
  const history = useModel((m) => m.health[name]);
  // The last figures of what stands still would be taken for its load now.
  if (seen === "Stopped" || seen === "Suspended") return <span class="dim nothing">not running</span>;
  if (!history) return <span class="dim nothing">no heartbeat yet</span>;
  return (
    <span class="sparks">
      <Spark label="cpu" values={history.map((s) => s.cpu)} />
      <Spark label="mem" values={history.map((s) => s.memory)} />
      <Spark label="disk" values={history.map((s) => s.disk)} />
    </span>
  );
}

function Tasks({ agent: { tasks } }: { readonly agent: AgentView }) {
  if (tasks.running === 0 && tasks.queued === 0) return <span class="dim nothing">none</span>;
  return (
    <>
      {tasks.running > 0 && <span class="tone-accent">{tasks.running} running</span>}
      {tasks.running > 0 && tasks.queued > 0 && ", "}
      {tasks.queued > 0 && `${tasks.queued} queued`}
    </>
  );
}

function Notes({ agent }: { readonly agent: AgentView }) {
  const said = saidOf(agent);
  if (said.length === 0) return null;
  return (
    <tr class="notes">
      <td colSpan={6}>{said}</td>
    </tr>
  );
}
