/** Parses numbers and durations of options. */
import { EXIT, VmAgentError } from "../base/errors.ts";
import { parseDuration } from "../core/desired-values.ts";

/** Milliseconds of a time: a whole number of them, or a duration such as 90s. Throws `usage`. */
export function timeOption(flag: string, value: unknown): number {
  const text = String(value);
  const isDuration = /^[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h|d)$/.test(text);
  const ms = isDuration ? parseDuration(text) : /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (ms >= 1 && ms <= LONGEST_MS) return ms;
  throw new VmAgentError({
    code: "usage",
    message: `${flag} is "${text}"`,
    next: "allowed: milliseconds, or a duration such as 90s, 10m or 1h; at most 7d",
    exit: EXIT.usage,
  });
}

/** The longest timeout of a task. */
const LONGEST_MS = 604_800_000;

/** Throws `usage` for anything but a whole number within this range. */
export function numberOption(flag: string, value: unknown, from: number, to: number): number {
  const number = /^\d{1,15}$/.test(String(value)) ? Number(value) : Number.NaN;
  if (number >= from && number <= to) return number;
  throw new VmAgentError({
    code: "usage",
    message: `${flag} is "${String(value)}"`,
    next: `allowed: a whole number from ${from} to ${to}`,
    exit: EXIT.usage,
  });
}
