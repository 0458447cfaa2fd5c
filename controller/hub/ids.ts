/** Abbreviated task ids: a unique part of an id, such as its beginning or the end that dashboards show. */
import type { TaskRecord } from "../store/store.ts";
import { refuse } from "./refusals.ts";

/** Shorter parts are too easily mistyped. Ids are UUIDs. */
const PART = /^[0-9a-f-]{4,35}$/;

export const isIdPart = (text: string): boolean => PART.test(text);
export const hasPart = (id: string, part: string): boolean => id.startsWith(part) || id.endsWith(part);

/** Candidates in an error. */
const SHOWN = 10;

/** null: there is none. Throws `id-ambiguous` with the candidates. */
export function fullId(
  part: string,
  matching: (part: string, most: number) => readonly string[],
): string | null {
  if (!isIdPart(part)) return null;
  const ids = matching(part, SHOWN + 1);
  if (ids.length > 1) throw refuse.ambiguousId(part, ids.slice(0, SHOWN), ids.length > SHOWN);
  return ids[0] ?? null;
}

interface Tasks {
  readonly engine: { get(id: string): TaskRecord | null };
  readonly store: { readonly tasks: { idsWith(part: string, most: number): readonly string[] } };
}

/** Throws `task-unknown` and `id-ambiguous`. */
export function findTask({ engine, store }: Tasks, given: string): TaskRecord {
  const known = engine.get(given);
  if (known) return known;
  const id = fullId(given, store.tasks.idsWith);
  const record = id === null ? null : engine.get(id);
  if (!record) throw refuse.unknownTask(given);
  return record;
}
