/** Values in words for people: sizes as in the fleet files, and durations. */

const UNITS = [
  ["G", 1024 ** 3],
  ["M", 1024 ** 2],
  ["K", 1024],
] as const;

/** Bytes as `4G`, `512M`, `1.5G`: the shortest form that Multipass reads back as the same number, where there is one. */
export function bytes(n: number): string {
  for (const [unit, size] of UNITS) {
    if (n < size) continue;
    const value = n / size;
    // People read few digits: 24684096K is 23.5G.
    if (value >= 10_000) continue;
    const text = Number.isInteger(value) ? String(value) : value.toFixed(1);
    if (Number.isInteger(value) || Number.isInteger(value * 10)) return `${text}${unit}`;
  }
  const [unit, size] = UNITS.find(([, u]) => n >= u) ?? ["", 1];
  return `${(n / size).toFixed(unit === "" ? 0 : 1)}${unit}`;
}

/** `4 s`, `3 min`, `2 h`, `5 d`: how long ago, for people. */
export function age(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

/** `1 agent`, `2 agents`. */
export const counted = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
