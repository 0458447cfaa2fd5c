/**
 * What cloud-init says of this boot, from the file behind `cloud-init status` (no program is started for it), and what it said
 * of the boot that failed: it runs the document's part once for each instance-id, so a later boot without errors proves nothing.
 */
import { statSync } from "node:fs";
import { readJson, readText, writeAtomic } from "./files.ts";
import { CLOUD_INIT_ERRORS_FILE, guest, INSTANCE_ID_FILE } from "./paths.ts";
import { isRecord } from "../session/wire.ts";

const STATUS_FILE = "/run/cloud-init/status.json";
/** Written when cloud-init has run user scripts, once for each instance-id; newer after `cloud-init clean`. */
const ONCE_FILE = "/var/lib/cloud/instance/sem/config_scripts_user";
const MOST_LINES = 10;
const LONGEST_LINE = 240;
/** cloud-init's own words for what a newer one would do otherwise; every image has some. */
const HARMLESS: readonly string[] = ["DEPRECATED", "INFO", "DEBUG"];

export interface CloudInitResult {
  readonly errors: readonly string[];
  /** What it went on after: known to cloud-init 23.4 and newer. */
  readonly warnings: readonly string[];
  /** A stage of it runs now, so the rest may come yet. */
  readonly running: boolean;
}

/** Read on every call: cloud-init's last stage starts the runtime, so the result is written later. */
export function cloudInitResult(): CloudInitResult {
  const file = readJson(guest(STATUS_FILE));
  const v1 = isRecord(file) && isRecord(file.v1) ? file.v1 : {};
  const stages = Object.values(v1).filter(isRecord);
  const errors = lines(stages.flatMap(({ errors }) => list(errors)));
  return {
    errors: remembered(errors),
    warnings: lines(stages.flatMap(({ recoverable_errors: kinds }) => recoverable(kinds))),
    running: typeof v1.stage === "string",
  };
}

/** The errors of this boot, or those of the boot that failed. */
function remembered(errors: readonly string[]): readonly string[] {
  const at = changedAt(CLOUD_INIT_ERRORS_FILE);
  const instanceId = readText(guest(INSTANCE_ID_FILE)) ?? "";
  // Newer than this boot's status: that was read already, or the document's part has run again since (provision-script.ts).
  if (errors.length > 0 && at <= changedAt(STATUS_FILE)) {
    try {
      writeAtomic(guest(CLOUD_INIT_ERRORS_FILE), JSON.stringify({ instanceId, errors }));
    } catch {
      // A full disk is a problem of its own; the next heartbeat tries again.
    }
    return errors;
  }
  const known = readJson(guest(CLOUD_INIT_ERRORS_FILE));
  const isOwned = isRecord(known) && known.instanceId === instanceId && at > changedAt(ONCE_FILE);
  return isOwned ? list(known.errors).map(String).slice(0, MOST_LINES) : [];
}

/** Milliseconds since 1970; 0: it is not there. */
function changedAt(path: string): number {
  return statSync(guest(path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function recoverable(kinds: unknown): readonly unknown[] {
  if (!isRecord(kinds)) return [];
  return Object.entries(kinds).flatMap(([kind, found]) => (HARMLESS.includes(kind) ? [] : list(found)));
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const lines = (all: readonly unknown[]): readonly string[] =>
  [...new Set(all.map((one) => `cloud-init: ${String(one).replace(/\s+/g, " ")}`))]
    .slice(0, MOST_LINES)
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 1)}…` : line));
