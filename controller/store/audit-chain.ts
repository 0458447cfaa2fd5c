/** The hash chain of the audit: each entry's hash covers the one before it, so that an edit anywhere breaks a link. */
import type { AuditEntry } from "./store.ts";

/** What the first entry's hash covers in place of a predecessor. */
export const GENESIS = "0".repeat(64);

/** SHA-256 (hex) over the predecessor's hash and the entry as canonical JSON (an array, so no key order is involved). */
export function link(previous: string, entry: AuditEntry, detailJson: string): string {
  // Loaded when it is needed: commands that only look would wait 8 ms for it.
  return process
    .getBuiltinModule("node:crypto")
    .hash(
      "sha256",
      JSON.stringify([previous, entry.at, entry.actor, entry.action, entry.subject, detailJson]),
    );
}
