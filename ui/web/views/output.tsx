/** What a task prints, as it prints it; goes on where it was when the connection broke, and ends with the task. */
/** @jsxImportSource preact */
import { useEffect, useRef, useState } from "preact/hooks";
import { follow } from "../../client/follow.ts";
import { decimalSize, type OutputText, emptyOutput, withChunk, withEnd } from "../../client/output-text.ts";
import { taskMark } from "../../client/tones.ts";
import { Chip, Problem, problemWords } from "../parts/bits.tsx";
import { useLive } from "../app/hooks.ts";

/** Chunks are drawn together at this pace. */
const DRAW = 60;

export function Output({ taskId }: { readonly taskId: string }) {
  const { text, lost, error, cancel } = useOutput(taskId);
  const box = useRef<HTMLPreElement>(null);
  const pinned = useRef(true);
  // every new text is scrolled to
  useEffect(() => {
    if (pinned.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  const onScroll = () => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = box.current ?? {};
    pinned.current = scrollHeight - scrollTop - clientHeight < 24;
  };
  const nothing = text.parts.length === 0;
  return (
    <section class="output" aria-label="Output of the task">
      <div class="output-head">
        {text.end ? (
          <>
            <Chip mark={taskMark(text.end.state)} />
            {text.end.exitCode !== null && <span>exit code {text.end.exitCode}</span>}
          </>
        ) : (
          <>
            <Chip mark={taskMark(text.state)} />
            <button type="button" onClick={cancel}>
              Cancel the task
            </button>
          </>
        )}
        {lost !== "" && <span class="tone-bad">✕ {lost}; going on as soon as it is back</span>}
      </div>
      {text.end?.error && <Problem>{text.end.error}</Problem>}
      {error !== "" && <Problem>{error}</Problem>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre ref={box} role="log" aria-label="Output" tabIndex={0} onScroll={onScroll}>
        {text.cut && <span class="dim">… the beginning is not shown{"\n"}</span>}
        {text.parts.map((part, i) => (
          // parts are only ever added at the end
          <span key={i} class={part.stream}>
            {part.text}
          </span>
        ))}
        {nothing && <span class="dim">{text.end ? "It printed nothing." : "Nothing printed yet."}</span>}
      </pre>
      {(text.end?.droppedBytes ?? 0) > 0 && (
        <p class="dim">{decimalSize(text.end?.droppedBytes ?? 0)} of output discarded.</p>
      )}
    </section>
  );
}

function useOutput(taskId: string) {
  const live = useLive();
  const [text, setText] = useState<OutputText>(emptyOutput);
  const [lost, setLost] = useState("");
  const [error, setError] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    let now: OutputText = emptyOutput;
    let timer = 0;
    const draw = () => {
      timer ||= window.setTimeout(() => {
        timer = 0;
        setText(now);
      }, DRAW);
    };
    follow(live.api, {
      path: live.api.outputPath(taskId),
      from: null,
      signal: stop.signal,
      onConnecting: () => {},
      onLive: () => setLost(""),
      onLost: setLost,
      onEvent: ({ event, data }) => {
        now = event === "end" ? withEnd(now, data) : withChunk(now, event, data);
        draw();
        if (event === "end") stop.abort();
      },
    }).catch((e: unknown) => setError(problemWords(e)));
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [live, taskId]);
  const cancel = () => {
    live.api.cancelTask(taskId).catch((e: unknown) => setError(problemWords(e)));
  };
  return { text, lost, error, cancel };
}
