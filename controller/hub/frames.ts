/** The envelope of every frame, the close codes, and the few readers that make untrusted payloads safe to use. */

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

export function isRecord(value: unknown): value is Payload {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A frame, or null for anything that is not one. */
export function parseFrame(text: string): Frame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || typeof value.type !== "string" || value.type.length > 64) return null;
  return {
    id: word(value.id, 128),
    from: word(value.from, 128),
    to: word(value.to, 128),
    type: value.type,
    timestamp: number(value.timestamp),
    payload: isRecord(value.payload) ? value.payload : {},
  };
}

/** Text of bounded length, else "". */
export function word(value: unknown, max = 256): string {
  return typeof value === "string" && value.length <= max ? value : "";
}

export function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

export function words(value: unknown, max = 100): readonly string[] {
  return Array.isArray(value)
    ? value.filter((v): v is string => typeof v === "string" && v.length <= 256).slice(0, max)
    : [];
}
