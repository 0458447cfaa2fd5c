// The settings below `local.<instance>`: sizes of instances, names and comments of snapshots.
import { renameSync } from "node:fs";
import { Refusal } from "../failure.ts";
import { type Instance, powerState, preparation, readInstance, type Snapshot, update } from "./instance.ts";
import { allInstances } from "./instances.ts";
import { BAD_SIZE, humanSize, parseSize } from "../frontend/memory-size.ts";
import { isValidName } from "./names.ts";
import { snapshotDir } from "../paths.ts";

const PROPERTIES = ["cpus", "memory", "disk", "bridged"] as const;
type Property = (typeof PROPERTIES)[number];

const MINIMUM_MEMORY = 128 * 1024 * 1024;

export const NOT_BRIDGED =
  'You have to `multipass set local.bridged-network=<name>` to use the "bridged" shortcut.';

interface InstanceKey {
  readonly instance: string;
  readonly property: Property;
}

interface SnapshotKey {
  readonly instance: string;
  readonly snapshot: string;
  readonly property: "name" | "comment";
}

function parseKey(key: string): InstanceKey | SnapshotKey {
  const [local, instance = "", third = "", fourth, ...rest] = key.split(".");
  if (local === "local" && rest.length === 0 && instance !== "") {
    if (fourth === undefined && PROPERTIES.includes(third as Property))
      return { instance, property: third as Property };
    if (fourth === "name" || fourth === "comment") return { instance, snapshot: third, property: fourth };
  }
  throw new Refusal(`Unrecognized settings key: '${key}'`);
}

/** All keys there are now. */
export function instanceKeys(): readonly string[] {
  return allInstances().flatMap(({ name, snapshots }) => [
    ...PROPERTIES.map((property) => `local.${name}.${property}`),
    ...snapshots.flatMap((it) => [`local.${name}.${it.name}.comment`, `local.${name}.${it.name}.name`]),
  ]);
}

export function getInstanceSetting(key: string): string {
  const parsed = parseKey(key);
  if ("snapshot" in parsed) return snapshotOf(parsed)[1][parsed.property];
  const instance = present(parsed.instance, "obtain");
  switch (parsed.property) {
    case "cpus":
      return String(instance.cpus);
    case "memory":
    case "disk":
      return humanSize(instance[parsed.property]);
    case "bridged":
      throw new Refusal(NOT_BRIDGED);
  }
}

export function setInstanceSetting(key: string, value: string): void {
  const parsed = parseKey(key);
  if ("snapshot" in parsed) {
    setSnapshotSetting(parsed, key, value);
    return;
  }
  const refuse = (reason: string): Refusal =>
    new Refusal(`Cannot update instance settings; instance: ${parsed.instance}; reason: ${reason}`);
  const instance = present(parsed.instance, "update");
  if (instance.deleted) throw refuse("Instance is deleted");
  if (powerState(instance) !== "Stopped") throw refuse("Instance must be stopped for modification");
  const invalid = (why: string): Refusal => new Refusal(`Invalid setting '${key}=${value}': ${why}`);
  switch (parsed.property) {
    case "cpus":
      if (!/^\d+$/.test(value) || Number(value) < 1) {
        throw invalid("Need a positive integer (in decimal format) of minimum 1");
      }
      update(instance, { cpus: Number(value) });
      return;
    case "bridged":
      throw new Refusal(NOT_BRIDGED);
    case "memory":
    case "disk": {
      const size = parseSize(value);
      if (size === undefined) throw invalid(`${value} ${BAD_SIZE}`);
      if (size === 0) throw invalid("Need a positive size.");
      if (parsed.property === "memory" && size < MINIMUM_MEMORY)
        throw invalid("Memory less than 128M minimum not allowed");
      if (parsed.property === "disk" && size < instance.disk) throw invalid("Disk can only be expanded");
      update(instance, { [parsed.property]: size });
    }
  }
}

function present(name: string, purpose: "obtain" | "update"): Instance {
  const instance = readInstance(name);
  const stage = instance && preparation(instance);
  const refuse = (reason: string): Refusal =>
    new Refusal(`Cannot ${purpose} instance settings; instance: ${name}; reason: ${reason}`);
  if (!instance || stage === "failed") throw refuse("No such instance");
  if (stage === "preparing") throw refuse("Instance is being prepared");
  return instance;
}

function snapshotOf({ instance: name, snapshot: wanted }: SnapshotKey): readonly [Instance, Snapshot] {
  const instance = readInstance(name);
  if (!instance)
    throw new Refusal(`Cannot access snapshot settings; instance: ${name}; reason: No such instance`);
  const snapshot = instance.snapshots.find((it) => it.name === wanted);
  if (!snapshot)
    throw new Refusal(`Cannot access snapshot settings; reason: No such snapshot: ${name}.${wanted}`);
  return [instance, snapshot];
}

function setSnapshotSetting(parsed: SnapshotKey, key: string, value: string): void {
  const [instance, snapshot] = snapshotOf(parsed);
  if (parsed.property === "name") {
    if (value === snapshot.name) return;
    if (!isValidName(value)) throw new Refusal(`Invalid setting '${key}=${value}': Invalid snapshot name.`);
    if (instance.snapshots.some((it) => it.name === value)) {
      throw new Refusal(`Snapshot already exists: ${instance.name}.${value}`);
    }
    renameSync(snapshotDir(instance.name, snapshot.name), snapshotDir(instance.name, value));
  }
  const renamed = (name: string): string =>
    parsed.property === "name" && name === snapshot.name ? value : name;
  update(instance, {
    head: renamed(instance.head),
    snapshots: instance.snapshots.map((it) =>
      it === snapshot ? { ...it, [parsed.property]: value } : { ...it, parent: renamed(it.parent) },
    ),
  });
}
