/** The envelope of frames, the close codes, and readers that make untrusted values safe. */
import { countJson, GUEST_JSON } from "../../base/bounded-json.ts";
import { printable } from "../../base/printable.ts";

export const PROTOCOL = 1;

export const CLOSE = {
  restart: 1012,
  unauthorised: 4001,
  refused: 4003,
  replaced: 4008,
  protocolError: 4009,
} as const;

export type Payload = Readonly<Record<string, unknown>>;

export interface Frame {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly timestamp: number;
  readonly payload: Payload;
}

export type ReadFrame =
  | { readonly ok: true; readonly frame: Frame; readonly values: number }
  | { readonly ok: false; readonly reason: string };

export function isRecord(value: unknown): value is Payload {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A frame within GUEST_JSON's bounds and the number of its values; else the reason for the refusal. */
export function readFrame(text: string): ReadFrame {
  const counted = countJson(text, GUEST_JSON);
  if (!counted.ok) return { ok: false, reason: `the frame is refused: ${counted.reason}` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return NO_FRAME;
  }
  if (!isRecord(value) || typeof value.type !== "string" || value.type.length > 64) return NO_FRAME;
  const frame = {
    id: word(value.id, 128),
    from: word(value.from, 128),
    to: word(value.to, 128),
    type: printable(value.type),
    timestamp: instant(value.timestamp) ?? 0,
    payload: isRecord(value.payload) ? value.payload : {},
  };
  return { ok: true, frame, values: counted.values };
}

const NO_FRAME = { ok: false, reason: "a frame is one JSON text with a type" } as const;

/** The same, or null for anything that is not a frame. */
export function parseFrame(text: string): Frame | null {
  const read = readFrame(text);
  return read.ok ? read.frame : null;
}

/** One printable line of bounded length, else "": for ids and names, which must not be truncated. */
export function word(value: unknown, max = 256): string {
  return typeof value === "string" && value.length <= max ? printable(value) : "";
}

/** One printable line, truncated to `max` characters: for text. */
export function line(value: unknown, max: number): string {
  if (typeof value !== "string") return "";
  // Truncated first: the rest need not be cleaned.
  const text = printable(value.slice(0, max + 1));
  return value.length > max ? `${text.slice(0, max - 1)}…` : text;
}

export function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/** A number within a range; else null. */
export function within(value: unknown, min: number, max: number): number | null {
  return typeof value === "number" && value >= min && value <= max ? value : null;
}

/** A whole number from 0 to `max`; else 0. */
export function count(value: unknown, max = Number.MAX_SAFE_INTEGER): number {
  return Number.isSafeInteger(value) ? (within(value, 0, max) ?? 0) : 0;
}

/** Year 9999: JavaScript's dates end later, those of databases do not. Milliseconds since 1970. */
const LAST_INSTANT = 253_402_300_799_999;

/** Milliseconds since 1970; null: no date. */
export const instant = (value: unknown): number | null => within(value, 0, LAST_INSTANT);

export function words(value: unknown, max = 100): readonly string[] {
  return Array.isArray(value)
    ? value
        .filter((v): v is string => typeof v === "string" && v.length <= 256)
        .slice(0, max)
        .map(printable)
    : [];
}
