/**
 * The one reader of input from runtimes, first-generation clients and registering programs: known fields only, each
 * with its type, range and length. The hub stores, lists and forwards only these values, never the raw payload; rows of
 * earlier versions are read through the same functions.
 */
import { printable, printableText } from "../../base/printable.ts";
import type { OutputChunk } from "../../store/store.ts";
import { count, instant, isRecord, line, type Payload, within, word, words } from "./frames.ts";

/** Largest `data` of an output frame. This version's runtime sends 32 KiB at once, 44 KiB as base64. Characters. */
const MAX_CHUNK = 256 * 1024;
/** Chunks of one run; within it, chunk numbers over all runs stay exact (live-task.ts, chunkSeq). */
const MAX_CHUNKS = 1_000_000_000;
/** Bytes that a task may print (an exabyte): sums stay exact. */
const MAX_OUTPUT = 2 ** 50;
const MAX_ERROR = 2000;
const MAX_LINES = 20;
const MAX_LINE = 300;
/** Milliseconds of 100 years; more megabytes or seconds than any machine has. */
const MAX_FIGURE = 3.2e12;

/** Megabytes (MiB) and percent. */
export interface Usage {
  readonly total?: number;
  readonly used?: number;
  readonly free?: number;
  readonly percent?: number;
  /** The first generation's name of `percent`. */
  readonly usagePercent?: number;
}

export interface Health {
  /** Percent. */
  readonly cpu?: number;
  readonly memory?: Usage;
  readonly disk?: Usage;
  /** Seconds. */
  readonly uptime?: number;
  readonly systemUptime?: number;
  readonly loadAverage?: readonly number[];
  /** Megabytes of the runtime itself. */
  readonly rss?: number;
  readonly currentTasks?: readonly string[];
  readonly waitingTasks?: number;
  readonly unconfirmedResults?: number;
  readonly inboxFull?: boolean;
  readonly problems?: readonly string[];
  readonly warnings?: readonly string[];
  /** The provisioning of the first boot is not over. */
  readonly provisioning?: boolean;
  readonly hostname?: string;
  readonly platform?: string;
  readonly arch?: string;
}

export function readHealth(given: Payload): Health {
  const figure = (key: string) => within(given[key], 0, MAX_FIGURE);
  return present({
    cpu: percent(given.cpu) ?? percent(isRecord(given.cpu) ? given.cpu.percent : undefined),
    memory: readUsage(given.memory),
    disk: readUsage(given.disk),
    uptime: figure("uptime"),
    systemUptime: figure("systemUptime"),
    loadAverage: Array.isArray(given.loadAverage)
      ? given.loadAverage.slice(0, 3).map((load) => within(load, 0, 1e6) ?? 0)
      : null,
    rss: figure("rss"),
    currentTasks: Array.isArray(given.currentTasks) ? words(given.currentTasks) : null,
    waitingTasks: figure("waitingTasks"),
    unconfirmedResults: figure("unconfirmedResults"),
    inboxFull: typeof given.inboxFull === "boolean" ? given.inboxFull : null,
    problems: lines(given.problems),
    warnings: lines(given.warnings),
    provisioning: typeof given.provisioning === "boolean" ? given.provisioning : null,
    hostname: word(given.hostname, 64) || null,
    platform: word(given.platform, 64) || null,
    arch: word(given.arch, 64) || null,
  });
}

const NO_USAGE: Usage = { total: 0, used: 0, free: 0, percent: 0, usagePercent: 0 };

/**
 * Shown before the first heartbeat: first-generation clients read these figures unchecked. `lastHealthCheck` is 0 then.
 */
export const NO_HEALTH: Health = {
  cpu: 0,
  memory: NO_USAGE,
  disk: NO_USAGE,
  uptime: 0,
  systemUptime: 0,
  loadAverage: [0, 0, 0],
};

/** Both spellings of the percentage are given, whichever was sent. */
function readUsage(given: unknown): Usage | null {
  const of = isRecord(given) ? given : { percent: given };
  const share = percent(of.percent) ?? percent(of.usagePercent);
  const usage = present({
    total: within(of.total, 0, MAX_FIGURE),
    used: within(of.used, 0, MAX_FIGURE),
    free: within(of.free, 0, MAX_FIGURE),
    percent: share,
    usagePercent: share,
  });
  return Object.keys(usage).length === 0 ? null : usage;
}

function percent(given: unknown): number | null {
  const figure = typeof given === "string" && given.length < 16 ? Number.parseFloat(given) : given;
  return typeof figure === "number" && Number.isFinite(figure) ? Math.min(100, Math.max(0, figure)) : null;
}

function lines(given: unknown): readonly string[] | null {
  if (!Array.isArray(given)) return null;
  return given.slice(0, MAX_LINES).flatMap((one) => line(one, MAX_LINE) || []);
}

/** Self-description of a registering program; free fields, bounded in number and size. */
export function readMetadata(given: Payload): Payload {
  const { type, capabilities, labels } = given;
  return {
    ...(boundedCopy(given, { depth: 4, left: 200 }) as Payload),
    ...("type" in given && { type: word(type) }),
    ...("capabilities" in given && { capabilities: words(capabilities) }),
    ...("labels" in given && {
      labels: Object.fromEntries(
        Object.entries(isRecord(labels) ? labels : {})
          .slice(0, 100)
          .flatMap(([key, value]) => (typeof value === "string" ? [[word(key, 64), word(value)]] : [])),
      ),
    }),
  };
}

/** `left`: values that may still be copied, over the whole. */
function boundedCopy(value: unknown, room: { readonly depth: number; left: number }): unknown {
  if (--room.left < 0) return undefined;
  if (typeof value === "string") return printable(value.slice(0, 256));
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "object" || value === null) return value;
  if (room.depth === 0) return undefined;
  const inside = { depth: room.depth - 1, left: room.left };
  const kept = Array.isArray(value)
    ? value.slice(0, room.left).flatMap((one) => boundedCopy(one, inside) ?? [])
    : Object.fromEntries(
        Object.entries(value)
          .slice(0, room.left)
          .map(([key, one]) => [printable(key.slice(0, 64)), boundedCopy(one, inside)] as const)
          .filter(([key, one]) => one !== undefined && key !== "__proto__"),
      );
  room.left = inside.left;
  return kept;
}

export interface OutputFrame {
  readonly taskId: string;
  readonly epoch: number;
  readonly chunk: RuntimeChunk;
}

/** A chunk as a runtime sends it. */
export interface RuntimeChunk extends Pick<OutputChunk, "seq" | "stream" | "data" | "encoding"> {
  /** Bytes and line ends of the run's output before it; null: not sent by older runtimes, */
  readonly offset: number | null;
  readonly line: number | null;
  /** which send the number of missing bytes just before it. */
  readonly dropped: number;
}

/** null: without a number. An oversized chunk is dropped and counted. */
export function readOutput(given: Payload): OutputFrame | null {
  const seq = count(given.seq, MAX_CHUNKS - 1);
  if (seq === 0) return null;
  const data = typeof given.data === "string" ? given.data : "";
  const isTooLarge = data.length > MAX_CHUNK;
  return {
    taskId: word(given.taskId, 128),
    epoch: count(given.epoch),
    chunk: {
      seq,
      stream: given.stream === "stderr" ? "stderr" : "stdout",
      data: isTooLarge ? "" : data,
      ...(given.encoding === "base64" ? { encoding: "base64" as const } : {}),
      offset: typeof given.offset === "number" ? count(given.offset, MAX_OUTPUT) : null,
      line: typeof given.line === "number" ? count(given.line, MAX_OUTPUT) : null,
      dropped: count(given.dropped) + (isTooLarge ? data.length : 0),
    },
  };
}

/** Fields of a result. For text: maximum characters; the frame's own limit bounds output and file contents. */
const RESULT_TEXT: Readonly<Record<string, number>> = {
  stdout: Number.POSITIVE_INFINITY,
  stderr: Number.POSITIVE_INFINITY,
  content: Number.POSITIVE_INFINITY,
  filePath: 4096,
  encoding: 16,
  signal: 32,
};
const RESULT_FLAGS: readonly string[] = ["timedOut", "cancelled"];
const RESULT_COUNTS: readonly string[] = ["droppedBytes", "outputBytes", "outputLines", "size"];

/** A task's output is stored as printed; it is made safe where it is shown. */
export function readResult(given: Payload): Payload {
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    const most = RESULT_TEXT[key];
    if (most !== undefined && Object.hasOwn(RESULT_TEXT, key)) {
      if (typeof value === "string" && value.length <= most) found[key] = value;
      else if (value === null) found[key] = null;
    } else if (RESULT_FLAGS.includes(key)) {
      if (typeof value === "boolean") found[key] = value;
    } else if (RESULT_COUNTS.includes(key)) {
      if (typeof value === "number") found[key] = count(value);
    } else if (key === "exitCode") found[key] = readExitCode(value);
    else if (key === "dropped" && isRecord(value))
      found[key] = { stdout: readDropped(value.stdout), stderr: readDropped(value.stderr) };
    else if (key === "warnings") found[key] = lines(value) ?? [];
  }
  return found;
}

/** Output of a stream that is not in the result's tail. */
function readDropped(given: unknown): { readonly bytes: number; readonly lines: number } {
  const { bytes, lines } = isRecord(given) ? given : {};
  return { bytes: count(bytes, MAX_OUTPUT), lines: count(lines, MAX_OUTPUT) };
}

/** 32 bits, signed or not; else null. */
export const readExitCode = (value: unknown): number | null =>
  Number.isInteger(value) ? within(value, -(2 ** 31), 2 ** 32 - 1) : null;

/** Why a task failed: several lines. */
export function readError(given: unknown): string {
  return typeof given === "string" ? printableText(given.slice(0, MAX_ERROR)) : "";
}

export interface LogLine {
  readonly seq: number;
  readonly at: number;
  readonly level: string;
  readonly message: string;
}

export interface LogPage {
  /** Another id: another log, whose numbers mean other lines. */
  readonly id: string;
  readonly first: number;
  readonly last: number;
  readonly lines: readonly LogLine[];
}

const LEVELS: readonly string[] = ["debug", "info", "warn", "error"];

/** `now`: for a line without a valid date. null: without a number. */
export function readLogLine(given: Payload, now: number): LogLine | null {
  const seq = count(given.seq);
  if (seq === 0) return null;
  return {
    seq,
    at: instant(given.at) ?? now,
    level: LEVELS.find((known) => known === given.level) ?? "info",
    message: line(given.message, 4096),
  };
}

/** At most `most` lines. */
export function readLogPage(given: Payload, most: number, now: number): LogPage {
  const found = Array.isArray(given.lines) ? given.lines.slice(0, most).filter(isRecord) : [];
  return {
    id: word(given.id, 64),
    first: count(given.first),
    last: count(given.last),
    lines: found.flatMap((one) => readLogLine(one, now) ?? []),
  };
}

/** Without the fields that are null. */
function present<T extends object>(fields: { readonly [K in keyof T]: T[K] | null }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as T;
}
