/** Randomness as a dependency, and the identifiers made of it. */
import { randomBytes, randomUUID } from "node:crypto";

export interface Random {
  uuid(): string;
  /** URL-safe text with 256 bits. */
  token(): string;
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  token: () => randomBytes(32).toString("base64url"),
};

/** A UUID of version 7: ordered by time, so that the index of tasks only grows at its end. */
export function orderedId(random: Random, now: number): string {
  const time = Math.max(0, now).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.uuid().slice(15)}`;
}
