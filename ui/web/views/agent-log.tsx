/** The runtime's own log, followed while it is open; goes on where it was when the connection broke. */
/** @jsxImportSource preact */
import { useEffect, useRef, useState } from "preact/hooks";
import { follow } from "../../client/follow.ts";
import { clock, dateTime } from "../../client/format.ts";
import { type LogLine, withLogEvent } from "../../client/log-lines.ts";
import { Problem, problemWords } from "../parts/bits.tsx";
import { useLive } from "../app/hooks.ts";
import { Search } from "../parts/search.tsx";

const BEGINS = 200;
/** Lines are drawn together at this pace. */
const DRAW = 100;

export function AgentLog({ name }: { readonly name: string }) {
  const [open, setOpen] = useState(false);
  return (
    <section class="card" aria-labelledby="log">
      <div class="card-head">
        <h2 id="log">Log of its runtime</h2>
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Close" : "Follow"}
        </button>
      </div>
      {open && <Lines name={name} />}
    </section>
  );
}

function Lines({ name }: { readonly name: string }) {
  const { lines, lost, error } = useLog(name);
  const [text, setText] = useState("");
  const box = useRef<HTMLPreElement>(null);
  const pinned = useRef(true);
  // scrolls to each new line, unless the reader has scrolled up
  useEffect(() => {
    if (pinned.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, text]);
  const onScroll = () => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = box.current ?? {};
    pinned.current = scrollHeight - scrollTop - clientHeight < 24;
  };
  const needle = text.toLowerCase();
  const shown = lines.filter((l) => l.message.toLowerCase().includes(needle));
  return (
    <div class="output">
      <Search word="Filter the log" placeholder="Filter the log" text={text} onText={setText} />
      {lost !== "" && <p class="tone-bad">✕ {lost}; going on as soon as it is back</p>}
      {error !== "" && <Problem>{error}</Problem>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre ref={box} role="log" aria-label={`Log of ${name}`} tabIndex={0} onScroll={onScroll}>
        {shown.map((l) => (
          <Line key={`${l.at} ${l.seq}`} line={l} />
        ))}
        {shown.length === 0 && (
          <span class="dim">{lines.length === 0 ? "No line came yet." : "No line matches."}</span>
        )}
      </pre>
    </div>
  );
}

function Line({ line: { at, level, message } }: { readonly line: LogLine }) {
  const tone =
    level === "error" ? "stderr" : level === "warn" ? "tone-warn" : level === "remark" ? "dim" : "";
  return (
    <>
      <span class="dim" title={dateTime(at)}>
        {clock(at)}
      </span>{" "}
      <span class={tone}>
        {level === "info" || level === "remark" ? "" : `${level}: `}
        {message}
      </span>
      {"\n"}
    </>
  );
}

function useLog(name: string) {
  const live = useLive();
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [lost, setLost] = useState("");
  const [error, setError] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    let now: readonly LogLine[] = [];
    let timer = 0;
    follow(live.api, {
      path: live.api.logPath(name, { lines: BEGINS }),
      from: null,
      signal: stop.signal,
      onConnecting: () => {},
      onLive: () => setLost(""),
      onLost: setLost,
      onEvent: ({ event, data }) => {
        now = withLogEvent(now, event, data, Date.now());
        timer ||= window.setTimeout(() => {
          timer = 0;
          setLines(now);
        }, DRAW);
      },
    }).catch((e: unknown) => setError(problemWords(e)));
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [live, name]);
  return { lines, lost, error };
}
