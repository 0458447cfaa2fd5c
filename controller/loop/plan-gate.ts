/**
 * Gates between plan and execution: proofs of ownership, remediation, diagnosis, image identity and damping of
 * corrections.
 */
import type { VmAgentError } from "../base/errors.ts";
import type { NextTry } from "../views/status.ts";
import type { Holds } from "../core/holds.ts";
import type { Change, Desired, Held, Instant, Turn } from "../core/types.ts";
import { type Correction, nextCorrection, recent } from "./damping.ts";
import { Proofs, type ProofDeps } from "../runtimes/ownership/proofs.ts";
import { Images } from "../observe/images.ts";
import { RuntimeInstaller, type PlannedInstall } from "../runtimes/installer.ts";
import { correctedKey } from "../runtimes/remediation-key.ts";
import { type PlannedRemedy, Remedies, type RemedyDeps } from "../runtimes/remediation-work.ts";
import { Diagnoses } from "../runtimes/diagnoses.ts";

export interface PlanGateDeps extends ProofDeps, Omit<RemedyDeps, "hubPort" | "install"> {
  /** The runtime's bundle, gzipped, in base64; absent: no runtime is installed. */
  readonly runtimeBundle?: string;
  /** Holds with a cause outside of instances. */
  readonly heldBeside?: () => readonly Held[];
}

export class PlanGate {
  readonly proofs: Proofs;
  readonly remedies: Remedies;
  readonly installer: RuntimeInstaller;
  readonly diagnoses: Diagnoses;
  readonly images: Images;
  readonly #deps: PlanGateDeps;
  #delayed: ReadonlyMap<string, { readonly change: Change; readonly correction: Correction }> = new Map();

  constructor(deps: PlanGateDeps, wake: () => void) {
    this.#deps = deps;
    this.proofs = new Proofs(deps, wake);
    this.diagnoses = new Diagnoses(deps, wake);
    this.images = new Images(deps, wake);
    const { ownership, runtimeBundle } = deps;
    const withProof: PlanGateDeps = { ...deps, prove: (step, state) => this.proofs.before(step, state) };
    const install = ownership && runtimeBundle ? { ...deps, ...ownership, runtimeBundle } : null;
    this.installer = new RuntimeInstaller(install);
    this.remedies = new Remedies(
      { ...withProof, ...(ownership && { hubPort: ownership.hubPort }), ...(install && { install }) },
      this.proofs,
    );
  }

  /** Runs just before each effect: rejects where its precondition no longer holds. */
  readonly before = async (...[step, state, named]: Parameters<Proofs["before"]>): Promise<void> => {
    await this.proofs.before(step, state, named);
    if (step.image) await this.images.mustDiffer(step.agent, step.image);
  };

  /** Holds beyond a refresh: every plan includes them, the loop's and those shown to people. */
  readonly holds = (): Holds => ({
    beside: this.#deps.heldBeside?.() ?? [],
    known: this.proofs.known(this.#deps.clock.now(), new Set(this.remedies.planned.keys())),
  });

  /** After a refresh: delays, remediations, and guests to ask. `failed`: its change failed, and waits. */
  async after(
    turn: Turn,
    desired: Desired,
    busy: ReadonlySet<string>,
    failed: ReadonlySet<string>,
  ): Promise<void> {
    const { store, clock } = this.#deps;
    const now = clock.now();
    const past = store.kv.all("corrected/");
    const delayed = new Map<string, { readonly change: Change; readonly correction: Correction }>();
    for (const change of turn.plan.changes) {
      if (change.cause !== "drift") continue;
      const correction = nextCorrection(instants(past.get(correctedKey(change.agent))), now);
      if (correction.at > now) delayed.set(change.agent, { change, correction });
    }
    this.#delayed = delayed;
    for (const [key, value] of past)
      if (recent(instants(value), now).length === 0) await store.kv.remove(key);
    const changing = turn.plan.changes.filter((c) => !failed.has(c.agent)).map((c) => c.agent);
    await this.remedies.decide(turn, desired, new Set([...busy, ...changing]));
    this.installer.decide(turn, desired, new Set([...busy, ...changing]));
    this.proofs.consider(turn, desired, busy);
    this.images.consider(desired, turn.observed);
    const asked = this.proofs.asked;
    this.diagnoses.consider(turn, new Set([...busy, ...changing, ...(asked === null ? [] : [asked])]));
  }

  /** Names whose guest is being asked: no change of them begins meanwhile. */
  isAsked(name: string): boolean {
    return name === this.proofs.asked || name === this.diagnoses.asked;
  }

  /** True for a correction that was made too often recently. */
  isDelayed(change: Change): boolean {
    return change.cause === "drift" && this.#delayed.has(change.agent);
  }

  /** A change begins: a correction counts from now on, even if this process dies during it. */
  async begun(change: Change): Promise<void> {
    if (change.cause !== "drift") return;
    const { store, clock } = this.#deps;
    const key = correctedKey(change.agent);
    const now = clock.now();
    await store.kv.put(key, [...recent(instants(store.kv.get(key)), now), now]);
  }

  due(): readonly PlannedRemedy[] {
    const now = this.#deps.clock.now();
    return this.remedies.due().filter((p) => !this.proofs.waits(p.agent.name, now));
  }

  dueInstalls(): readonly PlannedInstall[] {
    return this.installer.due(this.#deps.clock.now());
  }

  /** True where a failure is a hold, and is shown as one. */
  isHold(error: VmAgentError): boolean {
    return error.code === "unproven" || error.code === "another-instance";
  }

  /** Milliseconds until a delayed attempt is due, or `retry` comes; null: none. */
  untilNext(now: Instant, retry: Instant | null): number | null {
    const all = [
      retry,
      this.proofs.nextRetry(now),
      this.remedies.nextAt(now),
      this.installer.nextAt(now),
      this.diagnoses.nextAt(now),
      this.images.nextAt(now),
      ...[...this.#delayed.values()].map((d) => d.correction.at),
    ].filter((at): at is Instant => at !== null && at > now);
    return all.length > 0 ? Math.min(...all) - now : null;
  }

  /** Delayed attempts, for display. */
  next(): readonly NextTry[] {
    const health = [...this.remedies.planned.values()].map(({ agent, remedy }): NextTry => {
      const unproven = this.proofs.unproven.get(agent.name);
      return {
        agent: agent.name,
        what: remedy.rung,
        attempt: remedy.attempt,
        at: Math.max(remedy.at, unproven?.retryAt ?? 0),
        why: unproven?.message ?? remedy.why,
        kind: "health",
        held: remedy.kind === "hold",
      };
    });
    const drift = [...this.#delayed.values()].map(
      ({ change, correction }): NextTry => ({
        agent: change.agent,
        what: change.action,
        attempt: correction.attempt,
        at: correction.at,
        why: "it was corrected again and again, and differs again",
        kind: "drift",
        held: false,
      }),
    );
    return [...health, ...this.installer.next(), ...drift];
  }

  /** On a person's request: nothing is delayed any more. Without names: all. */
  async resetBackoff(names: readonly string[]): Promise<void> {
    const { kv } = this.#deps.store;
    this.proofs.resetBackoff(names);
    this.installer.resetBackoff(names);
    this.diagnoses.resetBackoff(names);
    await this.images.resetBackoff(names);
    const corrected = [...kv.all("corrected/").keys()];
    for (const key of names.length > 0 ? names.map(correctedKey) : corrected)
      if (corrected.includes(key)) await kv.remove(key);
    await this.remedies.resetBackoff(names);
  }

  async stop(): Promise<void> {
    await Promise.all([this.proofs.stop(), this.diagnoses.stop(), this.images.stop()]);
  }
}

const instants = (value: unknown): readonly Instant[] =>
  Array.isArray(value) ? value.filter((at): at is number => typeof at === "number") : [];
