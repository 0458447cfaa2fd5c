/** One agent of the fleet: its states with words, its load, and underneath what is done, failed or held. */
/** @jsxImportSource preact */
import { Component } from "preact";
import { holds, isDrifted, troubleOf } from "../client/fleet-filter.ts";
import { ahead } from "../client/format.ts";
import { actionMark, DRIFTED, healthMark, syncMark } from "../client/tones.ts";
import type { AgentView, FailureView, WorkView } from "../client/types.ts";
import { Ago, Chip, Elapsed, Spark } from "./bits.tsx";
import { Release } from "./copy.tsx";
import { agentLink, useModel, useNow } from "./hooks.ts";

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
          <td data-label="wanted → seen">
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
      <span class="sr"> wanted, seen </span> {seen === "?" ? "cannot be seen" : seen}
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
  const held = holds(agent);
  const waiting = agent.held.filter((h) => h.reason === "waiting");
  const trouble = troubleOf(agent);
  if (!agent.work && !agent.failure && !trouble && held.length + waiting.length === 0) return null;
  return (
    <tr class="notes">
      <td colSpan={6}>
        {agent.work && <Work work={agent.work} />}
        {agent.failure && <Failure failure={agent.failure} />}
        {trouble && <Trouble text={trouble} />}
        {held.map((h) => (
          <HeldNote key={h.reason + h.message} message={h.message} release={h.release} />
        ))}
        {!agent.work &&
          waiting.map((h) => (
            <p key={h.message} class="dim">
              <span class="glyph" aria-hidden="true">
                …
              </span>
              waits: {h.message}
            </p>
          ))}
      </td>
    </tr>
  );
}

export function Work({ work }: { readonly work: WorkView }) {
  const mark = actionMark(work.action);
  const share = /(\d{1,3})\s?%/.exec(work.progress)?.[1];
  return (
    <p class="work tone-accent">
      <span class="glyph spin" aria-hidden="true">
        ◐
      </span>
      <b>{mark.word.split(/[,:]/)[0]}</b>
      {work.step && work.step !== work.action && <> {work.step}</>}{" "}
      <span class="dim">{[work.detail, work.progress].filter(Boolean).join(", ")}</span>
      {share !== undefined && <progress max={100} value={Number(share)} aria-label={work.progress} />}
      <Elapsed since={work.step ? work.stepSince : work.since} />
    </p>
  );
}

/** What is wrong although tasks are taken. */
export function Trouble({ text }: { readonly text: string }) {
  return (
    <p class="tone-bad">
      <span class="glyph" aria-hidden="true">
        !
      </span>
      {text}
    </p>
  );
}

export function HeldNote({ message, release }: { readonly message: string; readonly release: string }) {
  return (
    <p class="tone-warn held">
      <span>
        <span class="glyph" aria-hidden="true">
          ?
        </span>
        <b>held</b> {message}
      </span>
      <span class="dim">
        release: <Release text={release} />
      </span>
    </p>
  );
}

export function Failure({ failure }: { readonly failure: FailureView }) {
  const now = useNow();
  const next =
    failure.retryAt === null ? "not tried again by itself" : `tried again ${ahead(failure.retryAt, now)}`;
  return (
    <p class="tone-bad">
      <span class="glyph" aria-hidden="true">
        ✗
      </span>
      <b>failed{failure.count > 1 && ` ${failure.count} times`}</b> {failure.message}{" "}
      <span class="dim">
        {next}
        {failure.next !== "" && `; ${failure.next}`}
      </span>
    </p>
  );
}
