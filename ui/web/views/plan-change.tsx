/** One change, or one thing held, as a block: glyph and words, old → new, why, what it costs. */
/** @jsxImportSource preact */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { findAgent } from "../../client/model.ts";
import { fieldRows, releasedByName, wouldText } from "../../client/plan-view.ts";
import { actionMark, type Mark } from "../../client/tones.ts";
import type { ChangeView, HeldView } from "../../client/types.ts";
import { Release } from "../parts/copy.tsx";
import { agentLink, useModel } from "../app/hooks.ts";

interface BlockProps {
  readonly mark: Mark;
  readonly title: ComponentChildren;
  readonly children: ComponentChildren;
}

function Block({ mark, title, children }: BlockProps) {
  return (
    <article class={`change card tone-${mark.tone}`}>
      <h2>
        <span class="glyph mono" aria-hidden="true">
          {mark.glyph}
        </span>
        {title} <span class="action">{mark.word}</span>
      </h2>
      {children}
    </article>
  );
}

function Row({ word, children }: { readonly word: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Change({ change }: { readonly change: ChangeView }) {
  const { agent, action, why, consequences, waitsUntil, snapshots, source, patch } = change;
  // `GET /plan` says what an apply does; what the loop does not do by itself is said by the fleet.
  const waits = useModel((m) => findAgent(m, agent))?.held.find((h) => h.reason !== "waiting");
  return (
    <Block mark={actionMark(action)} title={<a href={agentLink(agent)}>{agent}</a>}>
      <dl class="pairs">
        {fieldRows(change).map(({ field, old, new: fresh }) => (
          <Row key={field} word={field}>
            {old !== null && (
              <>
                <del>{old}</del> <span aria-hidden="true">→</span>{" "}
              </>
            )}
            <ins>{fresh}</ins>
          </Row>
        ))}
        {waitsUntil !== undefined && <Row word="after">{waitsUntil}</Row>}
        {why.length > 0 && <Row word="why">{why.join("; ")}</Row>}
        {consequences.length > 0 && (
          <Row word="cost">
            <span class="tone-warn">{consequences.join("; ")}</span>
          </Row>
        )}
        {snapshots.map((s) => (
          <Row key={s.name} word="snapshot">
            <span class="glyph" aria-hidden="true">
              *
            </span>
            {s.name} {s.comment !== "" && <span class="dim">{s.comment}</span>}
          </Row>
        ))}
        {waits && (
          <Row word="the loop">
            holds it: {waits.message}. <span class="dim">Apply lets it through.</span>
          </Row>
        )}
        {source && (
          <Row word="written">
            <span class="mono">
              {source.file}:{source.line}
            </span>
          </Row>
        )}
      </dl>
      {patch.length > 0 && (
        <details>
          <summary>As a JSON patch</summary>
          <pre class="json">{patch.map((p) => JSON.stringify(p)).join("\n")}</pre>
        </details>
      )}
    </Block>
  );
}

export interface HeldProps {
  /** Several only where the very same is said of all. */
  readonly group: readonly HeldView[];
  readonly allowed: readonly string[];
  readonly onAllow: (name: string, yes: boolean) => void;
}

export function Held({ group, allowed, onAllow }: HeldProps) {
  const item = group[0] as HeldView;
  const would = wouldText(item);
  const many = group.length > 1;
  return (
    <Block
      mark={actionMark(item.reason === "waiting" ? "waiting" : "held")}
      title={many ? `${group.length} agents` : <a href={agentLink(item.agent)}>{item.agent}</a>}
    >
      <dl class="pairs">
        {many && <Row word="agents">{group.map((h) => h.agent).join(", ")}</Row>}
        {would !== null && <Row word="would">{would}</Row>}
        <Row word="because">{item.message}</Row>
        <Row word="release">
          <Release text={item.release} />
        </Row>
      </dl>
      {!many && releasedByName(item) && (
        <Allow name={item.agent} allowed={allowed.includes(item.agent)} onAllow={onAllow} />
      )}
    </Block>
  );
}

interface AllowProps {
  readonly name: string;
  readonly allowed: boolean;
  readonly onAllow: (name: string, yes: boolean) => void;
}

/** A deletion that is held is let through by its name, typed. */
function Allow({ name, allowed, onAllow }: AllowProps) {
  const [typed, setTyped] = useState("");
  if (allowed) {
    return (
      <p>
        <b class="tone-bad">Allowed in this plan.</b>{" "}
        <button type="button" onClick={() => onAllow(name, false)}>
          Hold it again
        </button>
      </p>
    );
  }
  return (
    <details>
      <summary>Allow this deletion…</summary>
      <label>
        Type <code>{name}</code> to take it into what is applied
        <input
          class="mono"
          value={typed}
          autocomplete="off"
          onInput={(e) => setTyped(e.currentTarget.value)}
        />
      </label>{" "}
      <button type="button" class="danger" disabled={typed !== name} onClick={() => onAllow(name, true)}>
        Allow it
      </button>
    </details>
  );
}
