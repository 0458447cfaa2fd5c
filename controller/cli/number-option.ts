/** A number that is typed as an option's value. */
import { EXIT, VmAgentError } from "../base/errors.ts";

/** Throws `usage` for anything but a whole number within these. */
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
