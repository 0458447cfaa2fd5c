/** What happened to an agent on one axis of time: what was noticed, steps, tasks and heartbeats under each other. */
/** @jsxImportSource preact */
import { useState } from "preact/hooks";
import { clock } from "../../client/format.ts";
import { type TimeMark, timeline } from "../../client/timeline.ts";
import { taskLink, useModel, useNow } from "../app/hooks.ts";

const MINUTE = 60_000;
const SPANS = [
  { word: "5 min", span: 5 * MINUTE },
  { word: "1 h", span: 60 * MINUTE },
  { word: "6 h", span: 360 * MINUTE },
] as const;
const TICKS = [0, 25, 50, 75] as const;

export function Timeline({ name }: { readonly name: string }) {
  const events = useModel((m) => m.events);
  const tasks = useModel((m) => m.tasks);
  const health = useModel((m) => m.health[name]);
  const now = useNow();
  const [span, setSpan] = useState<number>(5 * MINUTE);
  const rows = timeline(name, { events, tasks, heartbeats: (health ?? []).map((s) => s.at), now, span });
  return (
    <section class="card" aria-labelledby="timeline">
      <div class="card-head">
        <h2 id="timeline">Timeline</h2>
        <fieldset class="counts">
          <legend class="sr">Span of the axis</legend>
          {SPANS.map((s) => (
            <button
              key={s.word}
              type="button"
              class="count"
              aria-pressed={span === s.span}
              onClick={() => setSpan(s.span)}
            >
              {s.word}
            </button>
          ))}
        </fieldset>
      </div>
      <dl class="timeline">
        {rows.map(({ word, marks }) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>
              {marks.length === 0 && <span class="sr">none</span>}
              {marks.map((m) => (
                <Mark key={m.key} mark={m} />
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <p class="axis dim" aria-hidden="true">
        {TICKS.map((t) => (
          <span key={t}>{clock(now - span + (span * t) / 100).slice(0, span > 10 * MINUTE ? 5 : 8)}</span>
        ))}
      </p>
    </section>
  );
}

function Mark({ mark: { left, width, tone, glyph, text, task } }: { readonly mark: TimeMark }) {
  const kind = width > 0 ? "bar" : glyph === "" ? "tick" : "moment";
  const shared = {
    class: `${kind} tone-${tone}`,
    style: { left: `${left}%`, ...(width > 0 && { width: `${width}%` }) },
    title: text,
  };
  const words = (
    <>
      <span aria-hidden="true">{glyph}</span>
      <span class="sr">{text}</span>
    </>
  );
  return task === "" ? (
    <span {...shared}>{words}</span>
  ) : (
    <a {...shared} href={taskLink(task)}>
      {words}
    </a>
  );
}
