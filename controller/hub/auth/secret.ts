/** Tokens: only hashes are stored, and comparison takes constant time. */
import { hash, timingSafeEqual } from "node:crypto";

export function hashToken(token: string): string {
  return hash("sha256", token);
}

/** Both are hex SHA-256. */
export function sameHash(a: string | null, b: string): boolean {
  if (a === null || a.length !== b.length) return false;
  return timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
