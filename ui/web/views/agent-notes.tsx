/** What is to be said of an agent now, in its row and on its page: what is done, failed, amiss, held or waits. */
/** @jsxImportSource preact */
import type { ComponentChild } from "preact";
import { holds, troubleOf } from "../../client/fleet-filter.ts";
import { ahead } from "../../client/format.ts";
import { actionMark } from "../../client/tones.ts";
import type { AgentView, FailureView, WorkView } from "../../client/types.ts";
import { Elapsed } from "../parts/bits.tsx";
import { Release } from "../parts/copy.tsx";
import { useNow } from "../app/hooks.ts";

/** Empty: there is nothing to say. */
export function saidOf(agent: AgentView): readonly ComponentChild[] {
  const { work, failure } = agent;
  const trouble = troubleOf(agent);
  // What it waits for is of no use while it is worked on.
  const waiting = work ? [] : agent.held.filter((h) => h.reason === "waiting");
  return [
    ...(work ? [<Work key="work" work={work} />] : []),
    ...(failure ? [<Failure key="failure" failure={failure} />] : []),
    ...(trouble ? [<Trouble key="trouble" text={trouble} />] : []),
    ...holds(agent).map((h) => (
      <HeldNote key={h.reason + h.message} message={h.message} release={h.release} />
    )),
    ...waiting.map((h) => <Remark key={h.message} glyph="…" text={`waits: ${h.message}`} />),
  ];
}

function Work({ work }: { readonly work: WorkView }) {
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
function Trouble({ text }: { readonly text: string }) {
  return (
    <p class="tone-bad">
      <span class="glyph" aria-hidden="true">
        !
      </span>
      {text}
    </p>
  );
}

function HeldNote({ message, release }: { readonly message: string; readonly release: string }) {
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

function Failure({ failure }: { readonly failure: FailureView }) {
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

export function Remark({ glyph, text }: { readonly glyph: string; readonly text: string }) {
  return (
    <p class="dim">
      <span class="glyph" aria-hidden="true">
        {glyph}
      </span>
      {text}
    </p>
  );
}
