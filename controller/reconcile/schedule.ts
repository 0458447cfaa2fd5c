/** When a schedule was due: cron in a time zone. A pure function of its arguments; the clock is asked elsewhere. */
import { Cron } from "croner";

export interface Schedule {
  /** Five cron fields. */
  readonly cron: string;
  /** IANA name, such as `Europe/Vienna`. */
  readonly timeZone: string;
}

/**
 * The newest run at or before `now`; null: there was none. In the hour that a change to summer time leaves out, a run comes as
 * soon as it is over; in the hour that comes twice, a run whose hour is written comes once, and one of every hour each time.
 */
export function latestInstant({ cron, timeZone }: Schedule, now: number): number | null {
  const job = new Cron(cron, { timezone: timeZone, paused: true });
  // The reference itself is not among the former runs.
  const reference = new Date(Math.floor(now / 1000) * 1000 + 1000);
  return job.previousRuns(1, reference)[0]?.getTime() ?? null;
}

/** The run that is due: however many there were after `last`, while the machine slept, the newest of them is made up for. */
export function dueInstant(schedule: Schedule, last: number, now: number): number | null {
  if (now <= last) return null;
  const latest = latestInstant(schedule, now);
  return latest !== null && latest > last ? latest : null;
}

/** The next run after `now`; null: never. */
export function nextInstant({ cron, timeZone }: Schedule, now: number): number | null {
  return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(new Date(now))?.getTime() ?? null;
}

/** `clean-20261122-0300`; where the clock shows the same time twice, the second has `-2` at its end. */
export function scheduledName(stem: string, at: number, timeZone: string): string {
  const stamp = wallTime(at, timeZone);
  const again = [30, 60, 120].some((minutes) => wallTime(at - minutes * 60_000, timeZone) === stamp);
  return `${stem}-${stamp}${again ? "-2" : ""}`;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function wallTime(at: number, timeZone: string): string {
  let format = FORMATS.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    FORMATS.set(timeZone, format);
  }
  const part = Object.fromEntries(format.formatToParts(at).map((p) => [p.type, p.value]));
  return `${part.year}${part.month}${part.day}-${part.hour}${part.minute}`;
}

/** The time zone of this process: the environment variable TZ, else the machine's. One that nobody knows is UTC for the clock too. */
export function localTimeZone(): string {
  // With TZ empty or unknown this is undefined, or a word that no function takes.
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions() as { readonly timeZone?: string };
  try {
    return new Intl.DateTimeFormat("en", { timeZone: timeZone ?? "UTC" }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}
