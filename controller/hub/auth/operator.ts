/** Authenticates the operator over HTTP: one token, compared in constant time; only failures are rate limited. */
import type { AuthReports } from "./reports.ts";
import type { Lockout } from "./lockout.ts";
import { hashToken, sameHash } from "./secret.ts";

/** Milliseconds without a call after which the next one counts as a login, and number of remembered addresses. */
const PAUSE = 3_600_000;
const ADDRESSES = 1000;

export type OperatorVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: "missing" | "wrong" }
  | { readonly ok: false; readonly reason: "locked"; readonly retryAfterMs: number };

export class OperatorAuth {
  #hash: string;
  readonly #seen = new Map<string, number>();
  readonly #now: () => number;
  readonly #onLogin: (address: string) => void;
  readonly #lockout: Lockout;
  readonly #reports: AuthReports;

  constructor(
    token: string,
    lockout: Lockout,
    reports: AuthReports,
    now: () => number,
    onLogin: (address: string) => void = () => {},
  ) {
    this.#onLogin = onLogin;
    this.#now = now;
    this.#hash = hashToken(token);
    this.#lockout = lockout;
    this.#reports = reports;
  }

  /** `authorization`: the header. A missing token is refused but not counted as a failure. */
  check(authorization: string | undefined, address: string): OperatorVerdict {
    const token = /^bearer (.+)$/i.exec(authorization ?? "")?.[1]?.trim();
    if (token === undefined) return { ok: false, reason: "missing" };
    if (sameHash(this.#hash, hashToken(token))) {
      this.#admitted(address);
      return { ok: true };
    }
    const key = `operator ${address}`;
    this.#reports.failed({ surface: "operator", address }, key);
    const retryAfterMs = this.#lockout.locked(key);
    if (retryAfterMs > 0) return { ok: false, reason: "locked", retryAfterMs };
    this.#lockout.fail(key);
    return { ok: false, reason: "wrong" };
  }

  /**
   * A login is the first call of an address, or the first one after a pause: recording each call would flood the audit.
   */
  #admitted(address: string): void {
    const now = this.#now();
    const last = this.#seen.get(address);
    this.#seen.delete(address);
    this.#seen.set(address, now);
    const oldest = this.#seen.keys().next().value;
    if (this.#seen.size > ADDRESSES && oldest !== undefined) this.#seen.delete(oldest);
    if (last === undefined || now - last > PAUSE) this.#onLogin(address);
  }

  /** Replaces the token; the old one is refused at once. */
  replace(token: string): void {
    this.#hash = hashToken(token);
    this.#seen.clear();
  }
}
