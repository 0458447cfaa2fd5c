// Sizes as Multipass reads and writes them: always with 1024.

const UNITS = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 } as const;

export const BAD_SIZE =
  "is not a valid memory size - need a non-negative integer (in base 10) or a decimal followed by K, M, or G (e.g. 1234B, 42MiB, 0.5G)";

/** Bytes, or undefined where the text is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^\s*(\d+)(\.\d+)?\s*(?:([KMG])(?:i?B)?|B)?\s*$/i.exec(text);
  if (!match) return undefined;
  const unit = (match[3] ?? "").toUpperCase() as keyof typeof UNITS;
  if (match[2] !== undefined && unit === ("" as typeof unit)) return undefined;
  return Math.floor(Number(`${match[1]}${match[2] ?? ""}`) * UNITS[unit]);
}

/** One decimal and the largest unit that fits, e.g. `512.0MiB`. */
export function humanSize(bytes: number): string {
  if (bytes >= UNITS.G) return `${(bytes / UNITS.G).toFixed(1)}GiB`;
  if (bytes >= UNITS.M) return `${(bytes / UNITS.M).toFixed(1)}MiB`;
  if (bytes >= UNITS.K) return `${(bytes / UNITS.K).toFixed(1)}KiB`;
  return `${bytes}B`;
}
