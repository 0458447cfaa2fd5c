/** Warnings about a clock jump. */
import { age } from "../../core/units.ts";
import type { Alert } from "../../store/protection/loss.ts";

export const CLOCK_NEXT =
  "set the clock (timedatectl set-ntp true, or the date settings of macOS); where it is right now: vm-agent audit acknowledge";

/** `by`: milliseconds, positive where the clock is ahead; null: it is trusted. */
export function clockAlerts(by: number | null): readonly Alert[] {
  return by === null ? [] : [{ level: "warn", message: clockWords(by), next: CLOCK_NEXT }];
}

export const clockWords = (by: number): string =>
  `The clock jumped ${by > 0 ? "ahead" : "back"} by ${age(Math.abs(by))}; nothing is pruned or expires because of that`;
