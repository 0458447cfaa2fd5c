/**
 * Proofs of ownership beyond a runtime's hello: a guest is asked before any step that cannot be undone, and an
 * unclaimed instance with the name of an agent is asked once.
 */
import type { KnownHold } from "../../core/holds.ts";
import type { Bus } from "../../base/events.ts";
import { VmAgentError } from "../../base/errors.ts";
import { proves } from "../../core/ownership.ts";
import { applyRenames } from "../../core/renames.ts";
import type { Claim, Desired, DesiredAgent, InstanceState, Instant, Step, Turn } from "../../core/types.ts";
import type { Store } from "../../store/store.ts";
import { expireReplacedClaim } from "../../observe/expired-claims.ts";
import { type GuestDeps, isClaimed, lookInGuest, unownedGuest } from "./guest.ts";
import { type ReadoptDeps, takeBack } from "./readopt.ts";
import { backoff } from "../../../schemas/backoff.ts";

export interface OwnershipDeps {
  /** True for a nonce that this fleet derived for this name, whatever the store holds. */
  readonly isOwned: (name: string, nonce: string) => boolean;
  /** The hub's port in the addresses that it advertises. */
  readonly hubPort: () => number;
}

export interface ProofDeps extends GuestDeps, Omit<ReadoptDeps, "hubPort"> {
  readonly store: Store;
  readonly bus: Bus;
  readonly fence: number;
  readonly ownership?: OwnershipDeps;
}

/** A guest that could not be asked. */
export interface Unproven {
  readonly message: string;
  readonly tries: number;
  readonly retryAt: Instant;
}

const RETRY = { firstMs: 30_000, lastMs: 15 * 60_000 } as const;
const NEVER = Number.POSITIVE_INFINITY;

const NO_REMEDIATION = "the steps of health.remediate apply only after that proof";

/** Steps that would harm an unowned instance. */
const TOUCHING: readonly Step["kind"][] = [
  "drain",
  "revoke",
  "stop",
  "suspend",
  "remove",
  "mount",
  "unmount",
  "rerun",
];

type Found = { readonly kind: "ours" } | Answer;
/**
 * `stranger`: unowned by its content, which for a launch that we began may still change. `silent`: it could not be
 * asked.
 */
type Answer = {
  readonly kind: "stranger" | "silent";
  readonly why: string;
  readonly tries: number;
  readonly retryAt: Instant;
};

export class Proofs {
  readonly #deps: ProofDeps;
  readonly #wake: () => void;
  /** Unclaimed names that were observed Running without a break. */
  readonly #found = new Map<string, Found>();
  readonly #unproven = new Map<string, Unproven>();
  readonly #abort = new AbortController();
  #looking: Promise<void> | null = null;
  #asked: string | null = null;

  constructor(deps: ProofDeps, wake: () => void) {
    this.#deps = deps;
    this.#wake = wake;
  }

  get unproven(): ReadonlyMap<string, Unproven> {
    return this.#unproven;
  }

  /** By unclaimed name: why the instance is unowned, where it was asked. */
  unowned(name: string): string | null {
    const found = this.#found.get(name);
    if (found?.kind === "stranger") return found.why;
    return found?.kind === "silent" ? `it cannot be asked whether it is ours: ${found.why}` : null;
  }

  /** Why an instance is not the one that our launch was to create, as far as its content shows. */
  contradicted(name: string): string | null {
    const found = this.#found.get(name);
    return found?.kind === "stranger" && this.#claim(name)?.phase === "launching" ? found.why : null;
  }

  /** The results by name, for every plan. `remedied`: names with a planned remediation. */
  known(now: Instant, remedied: ReadonlySet<string>): readonly KnownHold[] {
    const proofs = [...this.#unproven].flatMap(([agent, { message }]): readonly KnownHold[] => {
      const hold = { agent, message, release: unprovenRelease(agent) };
      return [
        ...(this.waits(agent, now) ? [{ ...hold, kind: "unproven" as const }] : []),
        ...(remedied.has(agent)
          ? [{ ...hold, kind: "silent" as const, message: `${message}; ${NO_REMEDIATION}` }]
          : []),
      ];
    });
    const unowned = [...this.#found.keys()].flatMap((agent): readonly KnownHold[] => {
      const why = this.unowned(agent);
      const not = this.contradicted(agent);
      return [
        ...(why === null ? [] : [{ agent, kind: "stranger" as const, message: why, release: "" }]),
        ...(not === null ? [] : [{ agent, kind: "contradicted" as const, ...contradictedWords(agent, not) }]),
      ];
    });
    return [...proofs, ...unowned];
  }

  /** True where a change waits for a proof that recently could not be obtained. */
  waits(name: string, now: Instant): boolean {
    const entry = this.#unproven.get(name);
    return entry !== undefined && now < entry.retryAt;
  }

  /**
   * The name that is being asked, and maybe readopted: no change of it begins, because a command in it would start an
   * instance that was stopped meanwhile, and its claim is written at the end as it was before.
   */
  get asked(): string | null {
    return this.#asked;
  }

  /** The next instant at which a guest may be asked again. */
  nextRetry(now: Instant): Instant | null {
    const asked = [...this.#found.values()].flatMap((f) => (f.kind === "ours" ? [] : f.retryAt));
    const all = [...this.#unproven.values()].map((u) => u.retryAt);
    const later = [...asked, ...all].filter((at) => at > now && at !== NEVER);
    return later.length > 0 ? Math.min(...later) : null;
  }

  /** On a person's request: try again now. Without names: all. */
  resetBackoff(names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...this.#found.keys(), ...this.#unproven.keys()]) {
      const found = this.#found.get(name);
      if (found && found.kind !== "ours" && found.retryAt !== NEVER) this.#found.delete(name);
      const entry = this.#unproven.get(name);
      if (entry) this.#unproven.set(name, { ...entry, retryAt: 0 });
    }
  }

  /**
   * Runs before each step: rejects with `unproven` or `another-instance` instead of touching an unowned instance.
   * `named`: a person named this instance for the destroy of this step.
   */
  readonly before = async (step: Step, state: InstanceState | "absent", named = false): Promise<void> => {
    const looked = step.requires.length > 0 || step.satisfied.length > 0;
    if (TOUCHING.includes(step.kind)) await this.prove(step.agent, looked ? state : null, named);
  };

  /**
   * Resolves where the instance is proven to be the claim's. `state`: from a list just made; null: observed here.
   * `named`: for a destroy that a person named the instance for, a launch that returned 0 is proof enough unless the
   * guest contradicts it: the claim would be gone if a list had shown the name absent since.
   */
  async prove(name: string, state: InstanceState | "absent" | null, named = false): Promise<void> {
    const claim = this.#claim(name);
    // For an imported instance the person is the proof.
    if (!this.#deps.ownership || !claim || claim.adopted) return this.#proven(name);
    const reading = this.#deps.runtime.readings().find((r) => r.agent === name);
    if (reading?.status === "online" && proves(claim, reading)) return this.#proven(name);
    // A stopped instance cannot be asked; its claim counts.
    if ((state ?? (await this.#stateOf(name))) !== "Running") return this.#proven(name);
    const inside = await lookInGuest(this.#deps, name, this.#abort.signal);
    const isEnough = named && (claim.phase !== "launching" || claim.leftover === true);
    if (inside.kind === "silent") {
      if (isEnough) return this.#proven(name);
      throw this.#hold(name, `it cannot be asked: ${inside.why}`);
    }
    const unowned = unownedGuest(name, inside, isClaimed(claim));
    if (unowned === null) return this.#proven(name);
    // Our files were never complete there, so their absence contradicts nothing: cloud-init may have failed before
    // them.
    if (inside.kind === "nothing" && !claim.proven) {
      if (isEnough) return this.#proven(name);
      throw this.#hold(name, unowned);
    }
    this.#proven(name);
    this.#note(name, { kind: "stranger", why: unowned });
    const current = this.#claim(name);
    if (current?.nonce === claim.nonce)
      await expireReplacedClaim(this.#deps, current, unowned, this.#deps.fence);
    throw new VmAgentError({
      code: "another-instance",
      message: `"${name}" is not touched: another instance has its name (${unowned})`,
      next: "nothing to do, the next turn makes a new plan",
      transient: true,
    });
  }

  /**
   * After each turn: begins to ask unclaimed instances. Nothing waits for it; it requests a turn when it has a result.
   */
  consider(turn: Turn, desired: Desired, busy: ReadonlySet<string>): void {
    const { observed } = turn;
    if (observed.instances.kind === "unobservable") return;
    const running = new Set(observed.instances.list.flatMap((i) => (i.state === "Running" ? i.name : [])));
    const claims = new Map(observed.claims.map((c) => [c.name, c]));
    for (const name of [...this.#found.keys()])
      if (!running.has(name) || isCertain(claims.get(name))) this.#found.delete(name);
    for (const name of [...this.#unproven.keys()])
      if (!running.has(name) || !claims.has(name)) this.#unproven.delete(name);
    if (!this.#deps.ownership || this.#looking || this.#abort.signal.aborted) return;
    const now = this.#deps.clock.now();
    const next = applyRenames(desired, observed.claims).agents.find((agent) => {
      if (!running.has(agent.name) || busy.has(agent.name)) return false;
      // A launch that was begun and not heard of again may be asked, like an instance without a record.
      if (isCertain(claims.get(agent.name))) return false;
      const found = this.#found.get(agent.name);
      return !found || (found.kind !== "ours" && now >= found.retryAt);
    });
    if (!next) return;
    this.#asked = next.name;
    this.#looking = this.#ask(next)
      .catch((error: unknown) => this.#note(next.name, { kind: "silent", why: (error as Error).message }))
      .finally(() => {
        this.#looking = null;
        this.#asked = null;
        if (!this.#abort.signal.aborted) this.#wake();
      });
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error("stopped"));
    await this.#looking;
  }

  async #ask(agent: DesiredAgent): Promise<void> {
    const { ownership } = this.#deps;
    const { name } = agent;
    if (!ownership) return;
    // Observed once more: `exec` would start an instance that has stopped since.
    if ((await this.#stateOf(name)) !== "Running")
      return this.#note(name, { kind: "silent", why: "it does not run any more" });
    const inside = await lookInGuest(this.#deps, name, this.#abort.signal);
    if (inside.kind === "silent") return this.#note(name, { kind: "silent", why: inside.why });
    const claim = this.#claim(name);
    const isRight = claim ? isClaimed(claim) : (nonce: string) => ownership.isOwned(name, nonce);
    const why = unownedGuest(name, inside, isRight);
    if (why !== null) return this.#note(name, { kind: "stranger", why });
    if (inside.kind === "seen") {
      const deps = { ...this.#deps, hubPort: ownership.hubPort };
      await takeBack(deps, agent, claim, inside, this.#abort.signal);
    }
    this.#note(name, { kind: "ours" });
  }

  /** Undefined: absent, or unobservable. */
  async #stateOf(name: string): Promise<InstanceState | undefined> {
    const seen = await this.#deps.driver.list(this.#abort.signal);
    return seen.kind === "seen" ? seen.instances.find((i) => i.name === name)?.state : undefined;
  }

  #note(name: string, found: { readonly kind: "ours" } | Pick<Answer, "kind" | "why">): void {
    if (found.kind === "ours") return void this.#found.set(name, found);
    const before = this.#found.get(name);
    const tries = before?.kind === found.kind ? before.tries + 1 : 1;
    // An instance that no controller of this fleet began stays unowned.
    const again = found.kind === "silent" || this.#claim(name)?.phase === "launching";
    this.#found.set(name, { ...found, tries, retryAt: again ? this.#retryAt(tries) : NEVER });
  }

  #hold(name: string, why: string): VmAgentError {
    const tries = (this.#unproven.get(name)?.tries ?? 0) + 1;
    const message = `nothing proves that the instance "${name}" is still this fleet's: ${why}`;
    this.#unproven.set(name, { message, tries, retryAt: this.#retryAt(tries) });
    return new VmAgentError({ code: "unproven", message, next: unprovenRelease(name), transient: true });
  }

  #proven(name: string): void {
    this.#unproven.delete(name);
  }

  #retryAt(tries: number): Instant {
    return this.#deps.clock.now() + backoff(RETRY, tries);
  }

  #claim(name: string): Claim | undefined {
    return this.#deps.store.claims.get(name);
  }
}

/** No question to the guest is needed: the claim is proven. */
const isCertain = (claim: Claim | undefined): boolean =>
  claim !== undefined && (claim.phase !== "launching" || claim.proven);

export const unprovenRelease = (name: string): string =>
  `it is asked again by itself; if it does not answer: vm-agent multipass stop --force ${name}; to remove it: vm-agent destroy ${name}`;

/**
 * It may come from a launch of ours that failed early, or from another owner: only a person knows, so it is not
 * touched.
 */
const contradictedWords = (name: string, why: string): Pick<KnownHold, "message" | "release"> => ({
  message: `a launch of "${name}" was begun and cut off, and nothing proves that what runs under this name came from it: ${why}`,
  release: `if it is not needed: vm-agent multipass delete --purge ${name}, and it is created again; if it belongs to another owner, give the agent another name`,
});
