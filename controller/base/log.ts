/** A levelled logger to standard error: plain lines, or one JSON object a line when VM_AGENT_LOG=json. Callers keep secrets out. */
import { jsonText, printable } from "./printable.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  with(fields: LogFields): Logger;
}

export interface LogOptions {
  readonly level?: LogLevel;
  readonly json?: boolean;
  readonly now?: () => number;
  readonly write?: (line: string) => void;
  readonly fields?: LogFields;
}

/** Level and form as the environment asks: VM_AGENT_LOG=json, VM_AGENT_LOG_LEVEL=debug|info|warn|error, VM_AGENT_DEBUG=1. */
export function logOptions(env: Readonly<Record<string, string | undefined>>): LogOptions {
  const level = LOG_LEVELS.find((name) => name === env.VM_AGENT_LOG_LEVEL);
  return { json: env.VM_AGENT_LOG === "json", level: level ?? (env.VM_AGENT_DEBUG ? "debug" : "info") };
}

export function createLogger(options: LogOptions = {}): Logger {
  const { level = "info", json = false, now = Date.now, fields = {} } = options;
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const threshold = LOG_LEVELS.indexOf(level);
  const at =
    (name: LogLevel) =>
    (message: string, extra: LogFields = {}) => {
      if (LOG_LEVELS.indexOf(name) < threshold) return;
      const time = new Date(now()).toISOString();
      const all = { ...fields, ...extra };
      if (json) return write(`${jsonText(JSON.stringify({ ...all, time, level: name, message }))}\n`);
      const tail = Object.entries(all).map(([key, value]) => ` ${key}=${plain(value)}`);
      write(`${time} ${name.padEnd(5)} ${printable(message)}${tail.join("")}\n`);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (more) => createLogger({ ...options, fields: { ...fields, ...more } }),
  };
}

const plain = (value: LogFields[string]) =>
  typeof value === "string" && !/^[\w./:@+-]+$/.test(value) ? jsonText(JSON.stringify(value)) : String(value);
