/** Parses Multipass's output. Pure; tolerates unknown fields, rejects truncated output. */
import {
  INSTANCE_STATES,
  type InstanceState,
  type Mount,
  type ObservedInstance,
  type ObservedSnapshot,
} from "../../core/types.ts";
import type { FoundImage } from "../driver.ts";
import { stripControls } from "./progress.ts";

/** Failures are values: nothing here throws. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

export interface VersionAnswer {
  readonly client: string;
  /** null: the daemon did not answer, or refused this client (CONTRACT section 2). */
  readonly daemon: string | null;
  readonly sandbox: boolean;
}

/** The part of `info` that does not depend on whether the guest runs (CONTRACT section 6). */
export interface InstanceDetail {
  readonly state: InstanceState;
  readonly imageHash: string;
  readonly imageRelease: string;
  /** null: the backend has no snapshots. */
  readonly snapshotCount: number | null;
  readonly mounts: readonly Mount[];
}

/** CONTRACT section 3: whole-string rule for names of instances and snapshots. */
export const NAME = /^[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/;

const ok = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (reason: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason });

/**
 * `list --format json`, sorted by name because its order is undefined (CONTRACT section 5). One unreadable row makes
 * the whole answer unreadable: a skipped instance would look absent.
 */
export function parseList(stdout: string): Parsed<readonly ObservedInstance[]> {
  const root = parseObject(stdout);
  if (!root.ok) return root;
  const rows = root.value.list;
  if (!Array.isArray(rows)) return bad('the answer has no "list"');
  const instances = new Map<string, ObservedInstance>();
  for (const row of rows as readonly unknown[]) {
    if (!isRecord(row) || typeof row.name !== "string" || typeof row.state !== "string") {
      return bad("a row of the list has no name or no state");
    }
    if (!NAME.test(row.name)) return bad(`a row has the impossible name ${JSON.stringify(row.name)}`);
    if (instances.has(row.name)) return bad(`${row.name} is listed twice`);
    instances.set(row.name, {
      name: row.name,
      state: toState(row.state),
      release: typeof row.release === "string" ? row.release : "",
      ipv4: strings(row.ipv4).filter((address) => address !== "N/A"),
    });
  }
  return ok([...instances.values()].sort((a, b) => compare(a.name, b.name)));
}

/** `list --snapshots --format json`; instances without snapshots do not appear (CONTRACT section 5). */
export function parseSnapshots(stdout: string): Parsed<ReadonlyMap<string, readonly ObservedSnapshot[]>> {
  const info = parseInfoRoot(stdout);
  if (!info.ok) return info;
  const result = new Map<string, readonly ObservedSnapshot[]>();
  for (const [instance, snapshots] of Object.entries(info.value).sort(byKey)) {
    if (!isRecord(snapshots)) return bad(`the snapshots of ${instance} are not an object`);
    const list: ObservedSnapshot[] = [];
    for (const [name, snapshot] of Object.entries(snapshots).sort(byKey)) {
      if (!isRecord(snapshot)) return bad(`the snapshot ${instance}.${name} is not an object`);
      list.push({ name, parent: text(snapshot.parent), comment: text(snapshot.comment) });
    }
    result.set(instance, list);
  }
  return ok(result);
}

/** `info … --format json` of instances. */
export function parseInfo(stdout: string): Parsed<ReadonlyMap<string, InstanceDetail>> {
  const info = parseInfoRoot(stdout);
  if (!info.ok) return info;
  const result = new Map<string, InstanceDetail>();
  for (const [name, one] of Object.entries(info.value).sort(byKey)) {
    if (!isRecord(one)) return bad(`the entry of ${name} is not an object`);
    // With snapshots requested by name, an instance holds nothing else (CONTRACT section 6).
    if (one.state === undefined && isRecord(one.snapshots)) continue;
    if (typeof one.state !== "string") return bad(`the entry of ${name} has no state`);
    const mounts: Mount[] = [];
    for (const [target, mount] of Object.entries(isRecord(one.mounts) ? one.mounts : {}).sort(byKey)) {
      if (!isRecord(mount) || typeof mount.source_path !== "string") {
        return bad(`the mount ${target} of ${name} has no source_path`);
      }
      mounts.push({ source: mount.source_path, target });
    }
    const count = text(one.snapshot_count);
    result.set(name, {
      state: toState(one.state),
      imageHash: text(one.image_hash),
      imageRelease: text(one.image_release),
      snapshotCount: /^\d+$/.test(count) ? Number(count) : null,
      mounts,
    });
  }
  return ok(result);
}

/** `find NAME --format json` (CONTRACT section 7): keys are names, so only their values are read. */
export function parseFind(stdout: string): Parsed<readonly FoundImage[]> {
  const root = parseObject(stdout);
  if (!root.ok) return root;
  const { images } = root.value;
  if (!isRecord(images)) return bad('the answer has no "images"');
  const found: FoundImage[] = [];
  for (const [key, image] of Object.entries(images).sort(byKey)) {
    if (!isRecord(image) || typeof image.release !== "string") return bad(`the image ${key} has no release`);
    found.push({ os: text(image.os), release: image.release, remote: text(image.remote) });
  }
  return ok(found);
}

/** `version --format json` (CONTRACT section 4). */
export function parseVersion(stdout: string): Parsed<VersionAnswer> {
  const root = parseObject(stdout);
  if (!root.ok) return root;
  const { multipass, multipassd, sandbox } = root.value;
  if (typeof multipass !== "string") return bad('the answer has no "multipass"');
  return ok({
    client: multipass,
    daemon: typeof multipassd === "string" && multipassd !== "" ? multipassd : null,
    sandbox: sandbox === true,
  });
}

/** `get local.NAME.cpus`. */
export function parseCpus(stdout: string): Parsed<number> {
  const value = stripControls(stdout).trim();
  const n = Number(value);
  return /^\d+$/.test(value) && Number.isSafeInteger(n) && n > 0
    ? ok(n)
    : bad(`not a number of cpus: ${quote(value)}`);
}

/** Bytes of a size in Multipass's own grammar (CONTRACT section 3): always 1024-based, decimals only with a unit. */
export function parseSize(stdout: string): Parsed<number> {
  // The decimal sign may be that of the user's locale.
  const value = stripControls(stdout).trim().replace(",", ".");
  const match = /^(\d+)(?:\.(\d+)(?=[KMG]))?(?:([KMG])(?:i?B)?|B)?$/i.exec(value);
  if (match === null) return bad(`not a size: ${quote(value)}`);
  const unit = UNITS[(match[3] ?? "").toUpperCase()] ?? 1;
  const bytes = Math.floor(Number(`${match[1]}.${match[2] ?? "0"}`) * unit);
  return Number.isSafeInteger(bytes) ? ok(bytes) : bad(`not a size: ${quote(value)}`);
}

const UNITS: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/**
 * The bytes that `get` shows for a configured number of bytes: it prints one decimal of the largest unit, so 1280M
 * reads back as 1.2GiB. A reading equal to this is no difference. Multipass computes in float and rounds ties to even.
 */
export function shownSize(bytes: number): number {
  for (const unit of [UNITS.G!, UNITS.M!, UNITS.K!]) {
    const quotient = Math.fround(bytes / unit);
    if (quotient < 1) continue;
    const tie = Number.isInteger(quotient * 20) && (quotient * 20) % 2 !== 0;
    const tenths = tie ? 2 * Math.round((quotient * 10) / 2) : Number(quotient.toFixed(1)) * 10;
    return Math.floor((Math.round(tenths) / 10) * unit);
  }
  return bytes;
}

function toState(word: string): InstanceState {
  // An unknown state of a later version is treated as Unknown, which is never acted on.
  return INSTANCE_STATES.find((state) => state === word) ?? "Unknown";
}

function parseInfoRoot(stdout: string): Parsed<Readonly<Record<string, unknown>>> {
  const root = parseObject(stdout);
  if (!root.ok) return root;
  const { info, errors } = root.value;
  if (Array.isArray(errors) && errors.length > 0)
    return bad(`the answer reports errors: ${quote(JSON.stringify(errors))}`);
  return isRecord(info) ? ok(info) : bad('the answer has no "info"');
}

function parseObject(stdout: string): Parsed<Readonly<Record<string, unknown>>> {
  // Other text may surround the object; a control character inside it is an error and is not repaired.
  const start = stdout.indexOf("{");
  const json = (start < 0 ? stripControls(stdout) : stdout.slice(start, stdout.lastIndexOf("}") + 1)).trim();
  if (json === "")
    return bad(
      stripControls(stdout).trim() === ""
        ? "the answer is empty"
        : `the answer is cut off or not JSON: ${quote(stdout.slice(-40))}`,
    );
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? ok(value) : bad("the answer is not a JSON object");
  } catch {
    return bad(`the answer is cut off or not JSON: ${quote(json.slice(-40))}`);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const text = (value: unknown) => (typeof value === "string" ? value : "");
const strings = (value: unknown) =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
const quote = (value: string) => JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const byKey = (a: readonly [string, unknown], b: readonly [string, unknown]) => compare(a[0], b[0]);
