/**
 * Who may come in. The operator by the token in the state folder; a runtime by a join token the first time and by its
 * own credential afterwards. The life of a runtime's secrets:
 *
 *   enrol -> join token (15 min) -> hello -> credential pending -> ack, or first use -> confirmed; the join token is dead
 *   older credential of the same claim (a restored snapshot) -> accepted, and renewed the same way
 */
import type { Clock } from "../../base/clock.ts";
import type { CredentialRecord, CredentialStore } from "../../store/store.ts";
import type { Limits } from "../limits.ts";
import type { Random } from "../random.ts";
import { hashToken, sameHash } from "./secret.ts";

export type Admission =
  | {
      readonly ok: true;
      readonly nonce: string;
      readonly renew: boolean;
      /** The credential that was issued and not confirmed yet: its first use confirms it. */
      readonly pending: boolean;
    }
  | { readonly ok: false; readonly reason: "unknown-agent" | "expired" | "wrong-token" };

export interface AuthDeps {
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  /** Milliseconds since an instant, without clock jumps. */
  readonly age: (at: number) => number;
  readonly random: Random;
  readonly limits: Limits;
}

export class RuntimeAuth {
  readonly #deps: AuthDeps;

  constructor(deps: AuthDeps) {
    this.#deps = deps;
  }

  /**
   * A fresh join token for this name and nonce. Former tokens of the same nonce live until they expire or one of them
   * is used: a launch that carries one may still come up.
   */
  async enrol(agent: string, nonce: string): Promise<string> {
    const { credentials, random, clock, limits } = this.#deps;
    const token = random.token();
    const old = credentials.get(agent);
    const same = old !== null && old.nonce === nonce ? old : null;
    await credentials.put({
      agent,
      nonce,
      joins: [
        { hash: hashToken(token), expiresAt: clock.now() + limits.joinTokenLife },
        ...(same?.joins ?? []).filter((join) => !this.#isOver(join.expiresAt)),
      ].slice(0, limits.joinTokens),
      credentialHash: same?.credentialHash ?? null,
      pendingHash: same?.pendingHash ?? null,
      olderHashes: same?.olderHashes ?? [],
    });
    return token;
  }

  /** For first-generation clients: a credential without a join. */
  async issueDirect(agent: string): Promise<string> {
    const token = this.#deps.random.token();
    await this.#deps.credentials.put({
      agent,
      nonce: "",
      joins: [],
      credentialHash: hashToken(token),
      pendingHash: null,
      olderHashes: [],
    });
    return token;
  }

  /** Read-only; `confirm` and `issue` write what a success changes. */
  admit(agent: string, token: string): Admission {
    const presented = hashToken(token);
    const record = this.#deps.credentials.get(agent);
    if (!record) return { ok: false, reason: "unknown-agent" };
    const { nonce } = record;
    const pending = sameHash(record.pendingHash, presented);
    if (pending || sameHash(record.credentialHash, presented))
      return { ok: true, nonce, renew: false, pending };
    if (record.olderHashes.some((older) => sameHash(older, presented)))
      return { ok: true, nonce, renew: true, pending };
    const join = record.joins.find(({ hash }) => sameHash(hash, presented));
    if (!join) return { ok: false, reason: "wrong-token" };
    if (this.#isOver(join.expiresAt)) return { ok: false, reason: "expired" };
    return { ok: true, nonce, renew: true, pending };
  }

  #isOver(expiresAt: number): boolean {
    const { age, limits } = this.#deps;
    return age(expiresAt - limits.joinTokenLife) >= limits.joinTokenLife;
  }

  /** A new credential, pending until the runtime confirms it. A pending one that was never confirmed is replaced. */
  async issue(agent: string): Promise<string | null> {
    const { credentials, random } = this.#deps;
    const record = credentials.get(agent);
    if (!record) return null;
    const token = random.token();
    await credentials.put({ ...record, pendingHash: hashToken(token) });
    return token;
  }

  /** The runtime has its credential on disk: it becomes current, and the join token is revoked. */
  async confirm(agent: string): Promise<void> {
    const record = this.#deps.credentials.get(agent);
    if (!record || record.pendingHash === null) return;
    await this.#deps.credentials.put(confirmed(record, this.#deps.limits.olderCredentials));
  }
}

export function confirmed(record: CredentialRecord, keep: number): CredentialRecord {
  const former = record.credentialHash === null ? [] : [record.credentialHash];
  const older = [...former, ...record.olderHashes.filter((h) => h !== record.pendingHash)];
  return {
    ...record,
    joins: [],
    credentialHash: record.pendingHash,
    pendingHash: null,
    olderHashes: older.slice(0, keep),
  };
}
