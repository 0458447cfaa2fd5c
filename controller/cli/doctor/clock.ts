/** Checks this machine's clock: not before this build, and not before the last write. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../base/paths.ts";
import { age } from "../../core/units.ts";
import { CLOCK_NEXT, clockWords } from "../system/clock-alerts.ts";
import { databasePath } from "../system/home.ts";
import type { Check, Finding } from "./check.ts";
import type { DoctorContext, Stored } from "./context.ts";

/** File systems round, and clocks are corrected by seconds all the time. */
const TOLERANCE = 60_000;

export const clock: Check<DoctorContext> = {
  name: "clock",
  run: async ({ settings, now, stored }) => [
    ...jumpFindings(stored()),
    clockFinding(now(), {
      "this program": modified(join(packageRoot(), "package.json")),
      "the database": modified(databasePath(settings.home)),
      "the operator's token": modified(join(settings.home, "operator-token")),
    }),
  ],
};

function jumpFindings(stored: Stored): readonly Finding[] {
  const by = stored.kind === "open" ? stored.clockJumped : null;
  return by === null ? [] : [{ level: "warn", found: clockWords(by), next: CLOCK_NEXT }];
}

/** `written`: the last write of each file, null where it is missing. */
export function clockFinding(now: number, written: Readonly<Record<string, number | null>>): Finding {
  const [latest] = Object.entries(written)
    .filter((entry): entry is [string, number] => entry[1] !== null)
    .sort((a, b) => b[1] - a[1]);
  if (latest && latest[1] > now + TOLERANCE)
    return {
      level: "warn",
      found: `the clock says ${iso(now)}, and ${latest[0]} was changed ${age(latest[1] - now)} after that`,
      next: "set the clock (timedatectl set-ntp true, or the date settings of macOS); schedules, timeouts and join tokens go by it",
    };
  return { level: "good", found: `the clock says ${iso(now)}` };
}

const iso = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");

function modified(file: string): number | null {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return null;
  }
}
