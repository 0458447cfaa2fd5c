/** Values as people read them: ages, clock times, sizes, percentages. Pure; the clock is an argument. */

const UNITS = [
  ["G", 1024 ** 3],
  ["M", 1024 ** 2],
  ["K", 1024],
] as const;

/** Bytes as they are written in fleet files: `4G`, `512M`, `1.5G`. */
export function size(bytes: number): string {
  const [unit, one] = UNITS.find(([, u]) => bytes >= u) ?? ["", 1];
  const value = bytes / one;
  return `${Number.isInteger(value) ? value : value.toFixed(1)}${unit}`;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in at most two units: `4s`, `3m 20s`, `2h 5m`, `3d 4h`. */
export function duration(ms: number): string {
  const t = Math.max(0, ms);
  if (t < SECOND) return `${Math.floor(t)}ms`;
  if (t < MINUTE) return `${Math.floor(t / SECOND)}s`;
  if (t < HOUR) return two(t, MINUTE, "m", SECOND, "s");
  if (t < DAY) return two(t, HOUR, "h", MINUTE, "m");
  return two(t, DAY, "d", HOUR, "h");
}

function two(t: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((t % big) / small);
  return `${Math.floor(t / big)}${bigUnit}${rest === 0 ? "" : ` ${rest}${smallUnit}`}`;
}

/** How long ago: `just now`, `12s ago`, `3h 5m ago`. */
export function ago(at: number, now: number): string {
  return now - at < SECOND ? "just now" : `${duration(now - at)} ago`;
}

/** `in 4s`, or `now` when it is due. */
export function ahead(at: number, now: number): string {
  return at - now < SECOND ? "now" : `in ${duration(at - now)}`;
}

const pad = (n: number): string => String(n).padStart(2, "0");

/** Local time of day: `09:14:02`. */
export function clock(at: number): string {
  const d = new Date(at);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** Local day and time: `2026-11-22 09:14:02`. */
export function dateTime(at: number): string {
  const d = new Date(at);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clock(at)}`;
}

/** `38 %`; an unknown figure is a dash. */
export function percent(value: number | null): string {
  return value === null ? "–" : `${Math.round(value)} %`;
}

/** `1 agent`, `2 agents`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** A revision as people quote it: seven characters of a hash, anything else whole. */
export function revision(text: string | null): string {
  if (text === null) return "working tree";
  return /^[0-9a-f]{12,64}$/.test(text) ? text.slice(0, 7) : text;
}

/** A task's own words for what it does: the command line, the script's first line, the file. */
export function taskText(spec: Readonly<Record<string, unknown>>): string {
  const word = (key: string): string => (typeof spec[key] === "string" ? (spec[key] as string) : "");
  const args = Array.isArray(spec.args) ? spec.args.map(String).join(" ") : "";
  const text =
    word("command") || word("script") || word("path") || word("filePath") || word("url") || word("repo");
  const [first = ""] = `${text} ${args}`.trim().split("\n");
  return first.length > 120 ? `${first.slice(0, 119)}…` : first;
}
