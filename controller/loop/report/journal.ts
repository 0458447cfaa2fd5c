/**
 * The last change of each agent and its cause, kept beside the claims, so that it is shown after a restart and without
 * a loop.
 */
import type { AnyEvent, Bus } from "../../base/events.ts";
import type { Change } from "../../core/types.ts";
import type { JournalEntry } from "../../views/why.ts";
import type { KeyValueStore } from "../../store/store.ts";

/** Entries kept for each agent; older ones are dropped. */
export const JOURNAL_LENGTH = 20;
const PREFIX = "last/";

export interface JournalDeps {
  readonly bus: Bus;
  readonly kv: KeyValueStore;
  /** The change in flight for the agent. */
  readonly changeOf: (agent: string) => { readonly change: Change; readonly since: number } | undefined;
  readonly onError: (error: unknown) => void;
}

export function readJournal(kv: Pick<KeyValueStore, "get">, agent: string): readonly JournalEntry[] {
  const value = kv.get(PREFIX + agent);
  return Array.isArray(value) ? (value as readonly JournalEntry[]) : [];
}

/** Subscribes until `close`, which resolves when all entries are on disk. Writes are not waited for meanwhile. */
export function keepJournal({ bus, kv, changeOf, onError }: JournalDeps): { close(): Promise<void> } {
  const journals = new Map<string, readonly JournalEntry[]>();
  const writing = new Map<string, Promise<void>>();

  const write = async (agent: string): Promise<void> => {
    for (let written: unknown = null; written !== journals.get(agent); ) {
      const entries = journals.get(agent);
      await kv.put(PREFIX + agent, entries);
      written = entries;
    }
    writing.delete(agent);
  };
  const add = (agent: string, entry: JournalEntry) => {
    const known = journals.get(agent) ?? readJournal(kv, agent);
    journals.set(agent, [...known, entry].slice(-JOURNAL_LENGTH));
    // Entries that come during a write go with the next write of the same agent.
    if (!writing.has(agent))
      writing.set(
        agent,
        write(agent).catch((error: unknown) => {
          writing.delete(agent);
          onError(error);
        }),
      );
  };
  const off = bus.onAny((event) => {
    const found = entryOf(event, changeOf);
    if (found) add(found.agent, found.entry);
  });
  return {
    async close() {
      off();
      await Promise.all(writing.values());
    },
  };
}

function entryOf(
  event: AnyEvent,
  changeOf: JournalDeps["changeOf"],
): { readonly agent: string; readonly entry: JournalEntry } | null {
  const { name, at, data } = event;
  if (
    name !== "step.done" &&
    name !== "step.failed" &&
    name !== "agent.converged" &&
    name !== "agent.drifted"
  )
    return null;
  // A failed turn belongs to no agent.
  if (data.agent === "" || (name === "step.done" && data.skipped)) return null;
  const inFlight = changeOf(data.agent);
  const { action = null, cause = null, why = [] } = inFlight?.change ?? {};
  const base = { at, action, cause, why, step: "", message: "", durationMs: null };
  const entry: JournalEntry =
    name === "step.done"
      ? { ...base, kind: "step", step: data.step, durationMs: data.durationMs }
      : name === "step.failed"
        ? { ...base, kind: "failed", step: data.step, message: data.message }
        : name === "agent.drifted"
          ? { ...base, kind: "drifted", message: data.message }
          : { ...base, kind: "converged", durationMs: inFlight ? at - inFlight.since : null };
  return { agent: data.agent, entry };
}
