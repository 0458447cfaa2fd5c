/** What the loop knows beyond plan and queue: whose instances are, what is tried on silent runtimes, and how often drift was corrected. */
import type { VmAgentError } from "../base/errors.ts";
import type { NextTry } from "../views/status.ts";
import type { Holds } from "../core/holds.ts";
import type { Change, Desired, Held, Instant, Turn } from "../core/types.ts";
import { type Correction, nextCorrection, recent } from "./damping.ts";
import { Proofs, type ProofDeps } from "../runtimes/ownership/proofs.ts";
import { Images } from "../observe/images.ts";
import { Installs, type PlannedInstall } from "../runtimes/installer.ts";
import { correctedKey } from "../runtimes/remediation-key.ts";
import { type PlannedRemedy, Remedies, type RemedyDeps } from "../runtimes/remediation-work.ts";
import { Silences } from "../runtimes/diagnoses.ts";

export interface CareDeps extends ProofDeps, Omit<RemedyDeps, "hubPort" | "install"> {
  /** The runtime's bundle, gzipped, in base64; absent: nothing is installed. */
  readonly runtimeBundle?: string;
  /** What is held for reasons that lie outside of instances. */
  readonly heldBeside?: () => readonly Held[];
}

export class Care {
  readonly proofs: Proofs;
  readonly remedies: Remedies;
  readonly installs: Installs;
  readonly silences: Silences;
  readonly images: Images;
  readonly #deps: CareDeps;
  #delayed: ReadonlyMap<string, { readonly change: Change; readonly correction: Correction }> = new Map();

  constructor(deps: CareDeps, wake: () => void) {
    this.#deps = deps;
    this.proofs = new Proofs(deps, wake);
    this.silences = new Silences(deps, wake);
    this.images = new Images(deps, wake);
    const { ownership, runtimeBundle } = deps;
    const withProof: CareDeps = { ...deps, prove: (step, state) => this.proofs.before(step, state) };
    const install = ownership && runtimeBundle ? { ...deps, ...ownership, runtimeBundle } : null;
    this.installs = new Installs(install);
    this.remedies = new Remedies(
      { ...withProof, ...(ownership && { hubPort: ownership.hubPort }), ...(install && { install }) },
      this.proofs,
    );
  }

  /** Just before each effect: rejects where what it rests on does not hold any more. */
  readonly before = async (...[step, state, named]: Parameters<Proofs["before"]>): Promise<void> => {
    await this.proofs.before(step, state, named);
    if (step.image) await this.images.mustDiffer(step.agent, step.image);
  };

  /** What is known beyond a look: every plan holds it, the loop's own and those that people see. */
  readonly holds = (): Holds => ({
    beside: this.#deps.heldBeside?.() ?? [],
    known: this.proofs.known(this.#deps.clock.now(), new Set(this.remedies.planned.keys())),
  });

  /** After a look: what is put off, what is to be remedied, who is to be asked. `failed`: its change failed, and waits. */
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
    this.installs.decide(turn, desired, new Set([...busy, ...changing]));
    this.proofs.consider(turn, desired, busy);
    this.images.consider(desired, turn.observed);
    const asked = this.proofs.asked;
    this.silences.consider(turn, new Set([...busy, ...changing, ...(asked === null ? [] : [asked])]));
  }

  /** Names that are looked into: nothing is begun on them meanwhile. */
  isAsked(name: string): boolean {
    return name === this.proofs.asked || name === this.silences.asked;
  }

  /** True for a correction that was made too often lately to be made again now. */
  isDelayed(change: Change): boolean {
    return change.cause === "drift" && this.#delayed.has(change.agent);
  }

  /** A change is begun: a correction of drift counts from now on, even if this process ends in its middle. */
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
    return this.installs.due(this.#deps.clock.now());
  }

  /** True where a failure is a hold, and is shown as one. */
  isHold(error: VmAgentError): boolean {
    return error.code === "unproven" || error.code === "another-instance";
  }

  /** Milliseconds until something that is put off may be done, or `retry` comes; null: nothing is to be. */
  untilNext(now: Instant, retry: Instant | null): number | null {
    const all = [
      retry,
      this.proofs.nextRetry(now),
      this.remedies.nextAt(now),
      this.installs.nextAt(now),
      this.silences.nextAt(now),
      this.images.nextAt(now),
      ...[...this.#delayed.values()].map((d) => d.correction.at),
    ].filter((at): at is Instant => at !== null && at > now);
    return all.length > 0 ? Math.min(...all) - now : null;
  }

  /** What is put off, for whoever shows it. */
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
    return [...health, ...this.installs.next(), ...drift];
  }

  /** Somebody asked: nothing is put off any more. Without names: for nobody. */
  async forgive(names: readonly string[]): Promise<void> {
    const { kv } = this.#deps.store;
    this.proofs.forgive(names);
    this.installs.forgive(names);
    this.silences.forgive(names);
    await this.images.forgive(names);
    const corrected = [...kv.all("corrected/").keys()];
    for (const key of names.length > 0 ? names.map(correctedKey) : corrected)
      if (corrected.includes(key)) await kv.remove(key);
    await this.remedies.forgive(names);
  }

  async stop(): Promise<void> {
    await Promise.all([this.proofs.stop(), this.silences.stop(), this.images.stop()]);
  }
}

const instants = (value: unknown): readonly Instant[] =>
  Array.isArray(value) ? value.filter((at): at is number => typeof at === "number") : [];
