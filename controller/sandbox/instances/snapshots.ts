// Taking a snapshot and going back to one, as copies of the guest's tree.
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { copyTree } from "./copy-tree.ts";
import { Refusal } from "../failure.ts";
import { type Instance, requireOff, type Snapshot, update } from "./instance.ts";
import { findInstance, isDeleted, missing } from "./instances.ts";
import { isValidName } from "./names.ts";
import { guestRoot, snapshotDir } from "../paths.ts";
import { removeTree } from "./remove-tree.ts";

/** Gives the snapshot's name. */
export function takeSnapshot(name: string, wanted: string | undefined, comment: string): string {
  const instance = single(name);
  requireOff(instance, "Multipass can only take snapshots of stopped instances.");
  const index = instance.snapshotsTaken + 1;
  const snapshot = wanted || `snapshot${index}`;
  if (!isValidName(snapshot)) throw new Refusal(`Invalid snapshot name: "${snapshot}".`);
  if (instance.snapshots.some((it) => it.name === snapshot))
    throw new Refusal(`Snapshot already exists: ${name}.${snapshot}`);
  const { cpus, memory, disk, mounts, head } = instance;
  replaceTree(guestRoot(name), snapshotDir(name, snapshot));
  const taken: Snapshot = {
    name: snapshot,
    comment,
    parent: head,
    created: new Date().toISOString(),
    index,
    cpus,
    memory,
    disk,
    mounts,
  };
  update(instance, { snapshots: [...instance.snapshots, taken], snapshotsTaken: index, head: snapshot });
  return snapshot;
}

/** Gives the name of the snapshot that was taken before, or "". */
export function restoreSnapshot(name: string, wanted: string, saveFirst: boolean): string {
  const { snapshot } = restorable(name, wanted);
  const saved = saveFirst ? takeSnapshot(name, undefined, `Before restoring ${wanted}`) : "";
  const instance = single(name);
  replaceTree(snapshotDir(name, wanted), guestRoot(name));
  const { cpus, memory, disk, mounts } = snapshot;
  update(instance, { cpus, memory, disk, mounts, head: wanted });
  return saved;
}

/** The checks of a restore, which come before anybody is asked anything. */
export function restorable(
  name: string,
  wanted: string,
): { readonly instance: Instance; readonly snapshot: Snapshot } {
  const instance = single(name);
  const snapshot = instance.snapshots.find((it) => it.name === wanted);
  if (!snapshot) throw new Refusal(`No such snapshot: ${name}.${wanted}`);
  requireOff(instance, "Multipass can only restore snapshots of stopped instances.");
  return { instance, snapshot };
}

/** Copies beside the target and exchanges then: killed on the way, the target is the old tree or the new one. */
export function replaceTree(source: string, target: string): void {
  const next = `${target}.next`;
  const old = `${target}.old`;
  removeTree(next);
  removeTree(old);
  mkdirSync(dirname(target), { recursive: true });
  if (existsSync(source)) copyTree(source, next);
  else mkdirSync(next);
  if (existsSync(target)) renameSync(target, old);
  renameSync(next, target);
  removeTree(old);
}

/** An instance where a command takes just one: without the first line that lists of complaints have. */
export function single(name: string): Instance {
  const instance = findInstance(name);
  if (!instance) throw new Refusal(missing(name));
  if (instance.deleted) throw new Refusal(isDeleted(name));
  return instance;
}
