/**
 * What is known of whose an instance is, beyond what runtimes say by themselves: a guest is asked before anything that cannot
 * be undone is done to it, and an instance of a wanted name that nothing claims is asked once whether it is ours.
 */
import type { KnownHold } from "../../core/holds.ts";
import type { Bus } from "../../base/events.ts";
import { VmAgentError } from "../../base/errors.ts";
import { proves } from "../../core/ownership.ts";
import { withKeptInstances } from "../../core/renames.ts";
import type { Claim, Desired, DesiredAgent, InstanceState, Instant, Step, Turn } from "../../core/types.ts";
import type { Store } from "../../store/store.ts";
import { buryReplaced } from "../../observe/expired-claims.ts";
import { type InsideDeps, isClaimed, lookInside, strangerInside } from "./guest.ts";
import { type ReadoptDeps, takeBack } from "./readopt.ts";
import { backoff } from "../../../schemas/backoff.ts";

export interface OwnershipDeps {
  /** True for a nonce that this fleet made for this name, whatever the store remembers. */
  readonly isOurs: (name: string, nonce: string) => boolean;
  /** Where runtimes find the hub: the port of the addresses that it gives. */
  readonly hubPort: () => number;
}

export interface ProofDeps extends InsideDeps, Omit<ReadoptDeps, "hubPort"> {
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

/** Steps that touch what is there in a way that a stranger would mind. */
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
/** `stranger`: it is not ours by what is inside, which for a launch that we began may still change. `silent`: it could not be asked. */
type Answer = {
  readonly kind: "stranger" | "silent";
  readonly why: string;
  readonly tries: number;
  readonly retryAt: Instant;
};

export class Proofs {
  readonly #deps: ProofDeps;
  readonly #wake: () => void;
  /** Unclaimed names that run, for as long as they are seen so without a break. */
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

  /** Why an unclaimed instance of a wanted name is a stranger's, where it was asked. */
  stranger(name: string): string | null {
    const found = this.#found.get(name);
    if (found?.kind === "stranger") return found.why;
    return found?.kind === "silent" ? `it cannot be asked whether it is ours: ${found.why}` : null;
  }

  /** Why an instance whose launch we began is not the one that this launch was to make, as far as what is inside tells. */
  contradicted(name: string): string | null {
    const found = this.#found.get(name);
    return found?.kind === "stranger" && this.#claim(name)?.phase === "launching" ? found.why : null;
  }

  /** All that is known of names by asking, for whoever makes a plan. `remedied`: names that a remedy is planned for. */
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
    const strangers = [...this.#found.keys()].flatMap((agent): readonly KnownHold[] => {
      const why = this.stranger(agent);
      const not = this.contradicted(agent);
      return [
        ...(why === null ? [] : [{ agent, kind: "stranger" as const, message: why, release: "" }]),
        ...(not === null ? [] : [{ agent, kind: "contradicted" as const, ...contradictedWords(agent, not) }]),
      ];
    });
    return [...proofs, ...strangers];
  }

  /** True where a change waits for a proof that could not be had a short while ago. */
  waits(name: string, now: Instant): boolean {
    const entry = this.#unproven.get(name);
    return entry !== undefined && now < entry.retryAt;
  }

  /**
   * The name that is being asked, and maybe taken back: nothing else is begun on it, because a command in it would start one
   * that was stopped in between, and its claim is written at the end as it was before.
   */
  get asked(): string | null {
    return this.#asked;
  }

  /** The nearest instant at which somebody may be asked again. */
  nextRetry(now: Instant): Instant | null {
    const asked = [...this.#found.values()].flatMap((f) => (f.kind === "ours" ? [] : f.retryAt));
    const all = [...this.#unproven.values()].map((u) => u.retryAt);
    const later = [...asked, ...all].filter((at) => at > now && at !== NEVER);
    return later.length > 0 ? Math.min(...later) : null;
  }

  /** Somebody asked: try again now. Without names: all. */
  forgive(names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...this.#found.keys(), ...this.#unproven.keys()]) {
      const found = this.#found.get(name);
      if (found && found.kind !== "ours" && found.retryAt !== NEVER) this.#found.delete(name);
      const entry = this.#unproven.get(name);
      if (entry) this.#unproven.set(name, { ...entry, retryAt: 0 });
    }
  }

  /**
   * For each step just before it: rejects with `unproven` or `another-instance` instead of touching a stranger's. `named`: a
   * person named this instance for the destroy that the step is of.
   */
  readonly before = async (step: Step, state: InstanceState | "absent", named = false): Promise<void> => {
    const looked = step.requires.length > 0 || step.satisfied.length > 0;
    if (TOUCHING.includes(step.kind)) await this.prove(step.agent, looked ? state : null, named);
  };

  /**
   * Resolves where what is there is known to be what the claim stands for. `state`: as a list has just shown it; null: it is
   * looked at here. `named`: for a destroy that a person named the instance for, a launch that returned 0 is proof enough, unless
   * the guest contradicts it: the claim would be gone if a list had shown the name absent since.
   */
  async prove(name: string, state: InstanceState | "absent" | null, named = false): Promise<void> {
    const claim = this.#claim(name);
    // A person who imported it is the proof.
    if (!this.#deps.ownership || !claim || claim.adopted) return this.#proven(name);
    const reading = this.#deps.runtime.readings().find((r) => r.agent === name);
    if (reading?.status === "online" && proves(claim, reading)) return this.#proven(name);
    // What does not run cannot be asked, and there the claim counts.
    if ((state ?? (await this.#stateOf(name))) !== "Running") return this.#proven(name);
    const inside = await lookInside(this.#deps, name, this.#abort.signal);
    const isEnough = named && (claim.phase !== "launching" || claim.leftover === true);
    if (inside.kind === "silent") {
      if (isEnough) return this.#proven(name);
      throw this.#hold(name, `it cannot be asked: ${inside.why}`);
    }
    const stranger = strangerInside(name, inside, isClaimed(claim));
    if (stranger === null) return this.#proven(name);
    // Our files never worked in there, so that they are missing contradicts nothing: cloud-init may have failed before them.
    if (inside.kind === "nothing" && !claim.proven) {
      if (isEnough) return this.#proven(name);
      throw this.#hold(name, stranger);
    }
    this.#proven(name);
    this.#note(name, { kind: "stranger", why: stranger });
    const current = this.#claim(name);
    if (current?.nonce === claim.nonce) await buryReplaced(this.#deps, current, stranger, this.#deps.fence);
    throw new VmAgentError({
      code: "another-instance",
      message: `"${name}" is not touched: another instance has its name (${stranger})`,
      next: "nothing to do, it is planned anew",
      transient: true,
    });
  }

  /** After each turn: begins to ask what nobody claims. Nothing waits for it; it wakes the loop when it has found something. */
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
    const next = withKeptInstances(desired, observed.claims).agents.find((agent) => {
      if (!running.has(agent.name) || busy.has(agent.name)) return false;
      // A launch that was begun and never heard of again may be asked as well as one that nobody remembers.
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
    // Looked at once more: `exec` would start one that has stopped since.
    if ((await this.#stateOf(name)) !== "Running")
      return this.#note(name, { kind: "silent", why: "it does not run any more" });
    const inside = await lookInside(this.#deps, name, this.#abort.signal);
    if (inside.kind === "silent") return this.#note(name, { kind: "silent", why: inside.why });
    const claim = this.#claim(name);
    const isRight = claim ? isClaimed(claim) : (nonce: string) => ownership.isOurs(name, nonce);
    const why = strangerInside(name, inside, isRight);
    if (why !== null) return this.#note(name, { kind: "stranger", why });
    if (inside.kind === "seen") {
      const deps = { ...this.#deps, hubPort: ownership.hubPort };
      await takeBack(deps, agent, claim, inside, this.#abort.signal);
    }
    this.#note(name, { kind: "ours" });
  }

  /** Undefined: absent, or nothing can be seen. */
  async #stateOf(name: string): Promise<InstanceState | undefined> {
    const seen = await this.#deps.driver.list(this.#abort.signal);
    return seen.kind === "seen" ? seen.instances.find((i) => i.name === name)?.state : undefined;
  }

  #note(name: string, found: { readonly kind: "ours" } | Pick<Answer, "kind" | "why">): void {
    if (found.kind === "ours") return void this.#found.set(name, found);
    const before = this.#found.get(name);
    const tries = before?.kind === found.kind ? before.tries + 1 : 1;
    // What nobody of us began will not become ours by itself.
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

/** Nothing inside need be asked: the claim stands for what is there. */
const isCertain = (claim: Claim | undefined): boolean =>
  claim !== undefined && (claim.phase !== "launching" || claim.proven);

export const unprovenRelease = (name: string): string =>
  `it is asked again by itself; if it does not answer: vm-agent multipass stop --force ${name}; to remove it: vm-agent destroy ${name}`;

/** It may be what a launch of ours made of too little, or another's of the same name: only a person knows, so it is not touched. */
const contradictedWords = (name: string, why: string): Pick<KnownHold, "message" | "release"> => ({
  message: `a launch of "${name}" was begun and cut off, and nothing proves that what runs under this name came from it: ${why}`,
  release: `if nobody needs it: vm-agent multipass delete --purge ${name}, and it is made anew; if it is another's, give the agent another name`,
});
