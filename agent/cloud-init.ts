/** What cloud-init says of this boot, from the file behind `cloud-init status`: no program is started for it. */
import { readJson } from "./files.ts";
import { guest } from "./paths.ts";
import { isRecord } from "./wire.ts";

const STATUS_FILE = "/run/cloud-init/status.json";
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

/** Read anew each time: the runtime is started by cloud-init's last stage and is there before its result. */
export function cloudInitResult(): CloudInitResult {
  const file = readJson(guest(STATUS_FILE));
  const v1 = isRecord(file) && isRecord(file.v1) ? file.v1 : {};
  const stages = Object.values(v1).filter(isRecord);
  return {
    errors: lines(stages.flatMap(({ errors }) => list(errors))),
    warnings: lines(stages.flatMap(({ recoverable_errors: kinds }) => recoverable(kinds))),
    running: typeof v1.stage === "string",
  };
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
