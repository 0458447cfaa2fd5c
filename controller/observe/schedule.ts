/** Due times of a schedule: cron in a time zone. Pure; the clock is an argument. */
import { Cron } from "croner";

export interface Schedule {
  /** Five cron fields. */
  readonly cron: string;
  /** IANA name, such as `Europe/Vienna`. */
  readonly timeZone: string;
}

/**
 * The newest run at or before `now`; null: there was none. Where the hour field names hours (`2`, `2,14`, `1-3`), wall
 * time decides: a run in the hour that a change to summer time skips comes once, right after it; a run in the repeated
 * hour comes once. Hourly runs follow elapsed time: each of the two hours has its runs.
 */
export function latestInstant({ cron, timeZone }: Schedule, now: number): number | null {
  if (isOfEveryHour(cron)) {
    // The reference itself is not among the former runs.
    const job = new Cron(cron, { timezone: timeZone, paused: true });
    return job.previousRuns(1, new Date(floor(now, SECOND) + SECOND))[0]?.getTime() ?? null;
  }
  const job = new Cron(cron, { timezone: "UTC", paused: true });
  // During the repeated hour, later wall times have already passed once.
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

/** The due run: several runs missed after `last`, for example during a suspend, count as the newest one. */
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

/** Milliseconds by which wall time is ahead of UTC. */
function offsetAt(at: number, timeZone: string): number {
  const { year, month, day, hour, minute } = wallParts(at, timeZone);
  return (
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute)) - floor(at, MINUTE)
  );
}

/**
 * The first instant with the wall time `wall` (written as if it were UTC); for a skipped time: the first one after the
 * gap.
 */
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

/** `clean-20261122-0300`; where the clock shows the same time twice, the second gets `-2` at its end. */
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

/**
 * The time zone of this process: the environment variable TZ, else the machine's. An unknown zone is UTC for the clock
 * too.
 */
export function localTimeZone(): string {
  // With TZ empty or unknown this is undefined, or a name that no function accepts.
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions() as { readonly timeZone?: string };
  try {
    return new Intl.DateTimeFormat("en", { timeZone: timeZone ?? "UTC" }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}
