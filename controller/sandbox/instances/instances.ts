// All instances, and the checks on names that most commands begin with.
import { readdirSync } from "node:fs";
import { collected } from "../failure.ts";
import { type Instance, preparation, readInstance } from "./instance.ts";
import { instancesDir } from "../paths.ts";

/** Every record, also of launches in preparation. */
export function allRecords(): readonly Instance[] {
  let names: readonly string[];
  try {
    names = readdirSync(instancesDir());
  } catch {
    return [];
  }
  return names.flatMap((name) => readInstance(name) ?? []);
}

/** The instances that the daemon shows: operative ones first, then deleted ones; within these no order is promised. */
export function allInstances(): readonly Instance[] {
  const shown = allRecords().filter((instance) => preparation(instance) === undefined);
  return shown.sort((a, b) => Number(a.deleted) - Number(b.deleted) || scatter(a.name) - scatter(b.name));
}

/**
 * Multipass keeps its instances in a hash table, so callers must not rely on their order; ours is deliberately not
 * alphabetical.
 */
function scatter(name: string): number {
  let hash = 7;
  for (const char of name) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0;
  return hash;
}

/** An instance by its name, deleted or not. */
export function findInstance(name: string): Instance | undefined {
  const instance = readInstance(name);
  return instance && preparation(instance) === undefined ? instance : undefined;
}

export const missing = (name: string): string => `instance "${name}" does not exist`;
export const isDeleted = (name: string): string => `instance "${name}" is deleted`;

/** The named instances, or all operative ones; one wrong name and nothing is done for the others. */
export function operative(names: readonly string[], all: boolean): readonly Instance[] {
  if (all) return allInstances().filter((instance) => !instance.deleted);
  const complaints: string[] = [];
  const found: Instance[] = [];
  for (const name of new Set(names)) {
    const instance = findInstance(name);
    if (!instance) complaints.push(missing(name));
    else if (instance.deleted) complaints.push(isDeleted(name));
    else found.push(instance);
  }
  if (complaints.length > 0) throw collected(...complaints);
  return found;
}
