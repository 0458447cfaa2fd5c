/** Whether a request over HTTP comes from the operator: one token, compared in constant time, guessers shut out. */
import type { Bus } from "../base/events.ts";
import type { Lockout } from "./lockout.ts";
import { hashToken, sameHash } from "./secret.ts";

export type OperatorVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: "missing" | "wrong" }
  | { readonly ok: false; readonly reason: "locked"; readonly retryAfterMs: number };

export class OperatorAuth {
  readonly #hash: string;
  readonly #lockout: Lockout;
  readonly #bus: Bus;

  constructor(token: string, lockout: Lockout, bus: Bus) {
    this.#hash = hashToken(token);
    this.#lockout = lockout;
    this.#bus = bus;
  }

  /** `authorization`: the header. A missing token is refused but not counted: nothing was guessed. */
  check(authorization: string | undefined, address: string): OperatorVerdict {
    const key = `operator ${address}`;
    const retryAfterMs = this.#lockout.locked(key);
    if (retryAfterMs > 0) return { ok: false, reason: "locked", retryAfterMs };
    const token = /^bearer (.+)$/i.exec(authorization ?? "")?.[1]?.trim();
    if (token === undefined) return { ok: false, reason: "missing" };
    if (sameHash(this.#hash, hashToken(token))) return { ok: true };
    this.#lockout.fail(key);
    this.#bus.emit("auth.failed", { surface: "operator", address });
    return { ok: false, reason: "wrong" };
  }
}
