/** When a schedule was due: cron in a time zone. A pure function of its arguments; the clock is asked elsewhere. */
import { Cron } from "croner";

export interface Schedule {
  /** Five cron fields. */
  readonly cron: string;
  /** IANA name, such as `Europe/Vienna`. */
  readonly timeZone: string;
}

/**
 * The newest run at or before `now`; null: there was none. Where the hour field names hours (`2`, `2,14`, `1-3`), the clock on
 * the wall decides: a run in the hour that a change to summer time leaves out comes once, right after it; a run in the hour that
 * comes twice comes once. Runs of every hour follow elapsed time: each of the two hours has its runs.
 */
export function latestInstant({ cron, timeZone }: Schedule, now: number): number | null {
  if (isOfEveryHour(cron)) {
    // The reference itself is not among the former runs.
    const job = new Cron(cron, { timezone: timeZone, paused: true });
    return job.previousRuns(1, new Date(floor(now, SECOND) + SECOND))[0]?.getTime() ?? null;
  }
  const job = new Cron(cron, { timezone: "UTC", paused: true });
  // The second time through a repeated hour, wall times that are later than this one are over already.
  const offset = Math.max(offsetAt(now, timeZone), offsetAt(now - DAY, timeZone));
  let wall = floor(now, SECOND) + offset + SECOND;
  for (;;) {
    const run = job.previousRuns(1, new Date(wall))[0]?.getTime();
    if (run === undefined) return null;
    const at = instantOf(run, timeZone);
    if (at <= now) return at;
    wall = run;
  }
}

/** The run that is due: however many there were after `last`, while the machine slept, the newest of them is made up for. */
export function dueInstant(schedule: Schedule, last: number, now: number): number | null {
  if (now <= last) return null;
  const latest = latestInstant(schedule, now);
  return latest !== null && latest > last ? latest : null;
}

/** The next run after `now`; null: never. */
export function nextInstant({ cron, timeZone }: Schedule, now: number): number | null {
  if (isOfEveryHour(cron))
    return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(new Date(now))?.getTime() ?? null;
  const job = new Cron(cron, { timezone: "UTC", paused: true });
  for (let wall = now + offsetAt(now, timeZone); ; ) {
    const run = job.nextRun(new Date(wall))?.getTime();
    if (run === undefined) return null;
    const at = instantOf(run, timeZone);
    if (at > now) return at;
    wall = run;
  }
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const floor = (at: number, unit: number): number => Math.floor(at / unit) * unit;

function isOfEveryHour(cron: string): boolean {
  const hour = cron.trim().split(/\s+/)[1];
  return hour === undefined || /^(\*(\/1)?|0-23)$/.test(hour);
}

/** Milliseconds by which the clock on the wall is ahead of UTC. */
function offsetAt(at: number, timeZone: string): number {
  const { year, month, day, hour, minute } = wallParts(at, timeZone);
  return (
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute)) - floor(at, MINUTE)
  );
}

/** The first instant at which the clock on the wall shows `wall` (written as if it were UTC); left out: the first one after the gap. */
function instantOf(wall: number, timeZone: string): number {
  const offsets = [offsetAt(wall - DAY, timeZone), offsetAt(wall + DAY, timeZone)];
  let before = wall - Math.max(...offsets);
  let after = wall - Math.min(...offsets);
  const shows = (at: number) => at + offsetAt(at, timeZone);
  if (shows(before) >= wall) return before;
  // `before` shows less than `wall`, `after` shows it or more.
  while (after - before > MINUTE) {
    const middle = floor((before + after) / 2, MINUTE);
    if (shows(middle) >= wall) after = middle;
    else before = middle;
  }
  return after;
}

/** `clean-20261122-0300`; where the clock shows the same time twice, the second has `-2` at its end. */
export function scheduledName(stem: string, at: number, timeZone: string): string {
  const stamp = wallTime(at, timeZone);
  const again = [30, 60, 120].some((minutes) => wallTime(at - minutes * 60_000, timeZone) === stamp);
  return `${stem}-${stamp}${again ? "-2" : ""}`;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function wallTime(at: number, timeZone: string): string {
  const { year, month, day, hour, minute } = wallParts(at, timeZone);
  return `${year}${month}${day}-${hour}${minute}`;
}

function wallParts(at: number, timeZone: string): Readonly<Record<string, string>> {
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
  return Object.fromEntries(format.formatToParts(at).map((p) => [p.type, p.value]));
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
