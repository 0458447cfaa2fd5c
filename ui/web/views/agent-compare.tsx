/** What is written beside what is seen, the lines that differ marked; and what will be done about it. */
/** @jsxImportSource preact */
import { useEffect, useState } from "preact/hooks";
import { type CompareRow, compare } from "../../client/fleet-filter.ts";
import { actionMark } from "../../client/tones.ts";
import type { AgentView, ChangeView, PlanView } from "../../client/types.ts";
import { useLive, useModel } from "../app/hooks.ts";

export function Compare({ agent }: { readonly agent: AgentView }) {
  const change = useChange(agent);
  const rows = compare(agent, change);
  const labels = Object.entries(agent.labels);
  const differing = rows.filter((r) => r.differs === true).length;
  return (
    <section class="card" aria-labelledby="compare">
      <h2 id="compare">
        Desired and observed{" "}
        <small class={differing > 0 ? "tone-warn" : ""}>
          {differing > 0 ? `${differing} differ` : "alike"}
        </small>
      </h2>
      <table class="compare">
        <thead>
          <tr>
            <th scope="col">
              <span class="sr">Field</span>
            </th>
            <th scope="col">Desired</th>
            <th scope="col">Observed</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Line key={row.what} row={row} />
          ))}
        </tbody>
      </table>
      {change && (
        <p class="planned">
          <span class="glyph mono" aria-hidden="true">
            {actionMark(change.action).glyph}
          </span>
          <b>{actionMark(change.action).word}</b> is in{" "}
          <a href={`#/plan?q=${encodeURIComponent(agent.name)}`}>the plan</a>: {change.why.join("; ")}
        </p>
      )}
      <dl class="pairs">
        {agent.capabilities.length > 0 && <Pair word="capabilities" text={agent.capabilities.join(", ")} />}
        {labels.length > 0 && <Pair word="labels" text={labels.map(([k, v]) => `${k}=${v}`).join(", ")} />}
        {agent.document !== agent.name && <Pair word="document" text={agent.document} />}
      </dl>
    </section>
  );
}

/** What the plan says of this agent; read again when it becomes another one. */
function useChange(agent: AgentView): ChangeView | undefined {
  const live = useLive();
  const [plan, setPlan] = useState<PlanView | null>(null);
  const turns = useModel((m) => m.fleet?.turns);
  const open = agent.sync !== "Synced";
  // the plan is the hub's; a turn of the loop, or another state of the agent, may have changed it
  useEffect(() => {
    let over = false;
    if (!open) return setPlan(null);
    live.api.getPlan().then(
      (found: PlanView | null) => {
        if (!over) setPlan(found);
      },
      () => {},
    );
    return () => {
      over = true;
    };
  }, [live, turns, open]);
  const { changes = [], held = [] } = plan ?? {};
  const mine = changes.find((c) => c.agent === agent.name);
  return mine ?? held.find((h) => h.agent === agent.name)?.would ?? undefined;
}

function Line({ row }: { readonly row: CompareRow }) {
  if (row.differs !== true) {
    return (
      <tr>
        <th scope="row">{row.what}</th>
        <td>{row.wanted}</td>
        <td>{row.seen}</td>
      </tr>
    );
  }
  return (
    <tr class="differs">
      <th scope="row">
        <span aria-hidden="true">≠ </span>
        {row.what}
        <span class="sr"> differs</span>
      </th>
      <td>
        <ins>{row.wanted}</ins>
      </td>
      <td>
        <del>{row.seen}</del>
      </td>
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
