/** What happens, newest first, as lines; and the calls of the multipass command line. */
/** @jsxImportSource preact */
import type { EventKind, EventLine } from "../../client/event-lines.ts";
import { clock, dateTime } from "../../client/format.ts";
import { Empty } from "../parts/bits.tsx";
import { agentLink, useModel, useQuery } from "../app/hooks.ts";
import { Search } from "../parts/search.tsx";

/** Lines that are drawn. */
const SHOWN = 300;

const KINDS: readonly { readonly kind: EventKind | "all"; readonly word: string }[] = [
  { kind: "all", word: "All" },
  { kind: "agent", word: "Agents" },
  { kind: "task", word: "Tasks" },
  { kind: "fleet", word: "Fleet" },
  { kind: "hub", word: "Hub" },
];

export interface EventListProps {
  readonly events: readonly EventLine[];
  /** Whose page this is: its name is not said again. */
  readonly of?: string;
  readonly calls?: boolean;
}

export function EventList({ events, of = "", calls = false }: EventListProps) {
  if (events.length === 0) return <p class="dim">Nothing happened yet.</p>;
  return (
    <ol class={calls ? "events calls" : "events"}>
      {events.toReversed().map((e) => (
        <li key={e.id} class={`tone-${e.tone}`}>
          <time dateTime={new Date(e.at).toISOString()} title={dateTime(e.at)}>
            {clock(e.at)}
          </time>
          <span class="glyph" aria-hidden="true">
            {e.glyph}
          </span>
          <span class="event-text">
            {e.agent !== null && e.agent !== of && (
              <>
                <a href={agentLink(e.agent)}>{e.agent}</a>{" "}
              </>
            )}
            {e.text}
          </span>
        </li>
      ))}
    </ol>
  );
}

export function EventsView({ commands }: { readonly commands: boolean }) {
  const all = useModel((m) => m.events);
  const [query, change] = useQuery(commands ? "commands" : "events");
  const kind = KINDS.find((k) => k.kind === query.kind)?.kind ?? "all";
  const routine = query.routine === "yes";
  const text = query.q ?? "";
  const needle = text.toLowerCase();
  const events = all.filter(
    (e) =>
      (commands
        ? e.kind === "command"
        : e.kind !== "command" && (kind === "all" || e.kind === kind) && (routine || !e.routine)) &&
      `${e.agent ?? ""} ${e.text}`.toLowerCase().includes(needle),
  );
  return (
    <>
      <h1>{commands ? "Commands" : "Events"}</h1>
      {commands && (
        <p class="dim">Every call of the multipass command line, how long it took and how it ended.</p>
      )}
      <div class="toolbar">
        {!commands && (
          <fieldset class="counts">
            <legend class="sr">Show</legend>
            {KINDS.map(({ kind: k, word }) => (
              <button
                key={k}
                type="button"
                class="count"
                aria-pressed={kind === k}
                onClick={() => change({ kind: k === "all" ? "" : k })}
              >
                {word}
              </button>
            ))}
            <label class="check">
              <input
                type="checkbox"
                checked={routine}
                onChange={(e) => change({ routine: e.currentTarget.checked ? "yes" : "" })}
              />
              routine too
            </label>
          </fieldset>
        )}
        <Search shortcut="/" word="Filter" placeholder="Filter" text={text} onText={(q) => change({ q })} />
      </div>
      {events.length === 0 ? (
        <Empty title={all.length === 0 ? "Nothing happened since the hub began." : "Nothing here matches."} />
      ) : (
        <EventList events={events.slice(-SHOWN)} calls={commands} />
      )}
      {events.length > SHOWN && (
        <p class="dim">
          The newest {SHOWN} of {events.length} are shown.
        </p>
      )}
    </>
  );
}
