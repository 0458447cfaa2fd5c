/** Diagnoses Running instances whose runtime is offline, so that their condition shows the cause. Read-only. */
import { INSTALL_ARGV } from "../../provisioning/install-script.ts";
import { diagnosisScript } from "../../provisioning/diagnosis-script.ts";
import { FLEET_DEFAULTS } from "../core/desired-values.ts";
import { hasNoRuntime, proves } from "../core/ownership.ts";
import type { Claim, Instant, RuntimeReading, Turn } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { assertFence } from "../execute/claims.ts";
import { type GuestDeps, isClaimed, lookInGuest, runInGuest, unownedGuest } from "./ownership/guest.ts";
import { LOOK_AFTER_MS, type RuntimePort, type Diagnosis } from "../execute/ports.ts";
import { pause } from "./remediation.ts";
import { hubAddresses, readDiagnosisReport, diagnose } from "./diagnosis-report.ts";

export interface DiagnosesDeps extends GuestDeps {
  readonly store: Store;
  readonly fence: number;
  readonly runtime: RuntimePort;
  /** The agent port in use. */
  readonly ownership?: { readonly hubPort: () => number };
}

/** Time for the whole script, and for a slow guest. Milliseconds. */
const SILENCE_DEADLINE_MS = 75_000;

interface Looked {
  readonly nonce: string;
  readonly words: Diagnosis;
  readonly tries: number;
  readonly retryAt: Instant;
}

export class Diagnoses {
  readonly #deps: DiagnosesDeps;
  readonly #wake: () => void;
  /** When this process began to listen: no runtime was offline before. */
  readonly #since: Instant;
  readonly #looked = new Map<string, Looked>();
  /** Also after a diagnosis without a result, or each turn would begin another. */
  readonly #notBefore = new Map<string, Instant>();
  readonly #abort = new AbortController();
  #looking: { readonly name: string; readonly done: Promise<void>; readonly end: () => void } | null = null;

  constructor(deps: DiagnosesDeps, wake: () => void) {
    this.#deps = deps;
    this.#wake = wake;
    this.#since = deps.clock.now();
  }

  /** Diagnoses of offline runtimes, by name. */
  get found(): ReadonlyMap<string, string> {
    // A conclusive diagnosis includes the fix, because it is shown nowhere else.
    const text = ({ found, next, conclusive }: Diagnosis) => (conclusive ? `${found}; ${next}` : found);
    return new Map([...this.#looked].map(([name, { words }]) => [name, text(words)]));
  }

  /**
   * The name under diagnosis: no change of it begins, because a command in it would start an instance that was stopped
   * meanwhile.
   */
  get asked(): string | null {
    return this.#looking?.name ?? null;
  }

  nextAt(now: Instant): Instant | null {
    const later = [...this.#looked.values()].map(({ retryAt }) => retryAt).filter((at) => at > now);
    return later.length > 0 ? Math.min(...later) : null;
  }

  /** After each refresh: one at a time, repeated with growing pauses while the runtime is offline. */
  consider({ observed }: Turn, busy: ReadonlySet<string>): void {
    if (observed.instances.kind === "unobservable") return;
    const now = this.#deps.clock.now();
    const readings = new Map(observed.runtimes.map((r) => [r.agent, r]));
    const running = new Set(observed.instances.list.flatMap((i) => (i.state === "Running" ? i.name : [])));
    const silent = observed.claims.filter((c) => running.has(c.name) && isOffline(c, readings.get(c.name)));
    for (const [name, { nonce }] of this.#looked)
      if (!silent.some((c) => c.name === name && c.nonce === nonce) && !busy.has(name))
        this.#looked.delete(name);
    if (this.#looking || this.#abort.signal.aborted) return;
    const due = silent.find(
      (c) =>
        !busy.has(c.name) &&
        now >= Math.max(this.#since, c.bootAt, readings.get(c.name)?.lastSeen ?? 0) + LOOK_AFTER_MS &&
        now >= Math.max(this.#looked.get(c.name)?.retryAt ?? 0, this.#notBefore.get(c.name) ?? 0),
    );
    if (!due) return;
    this.#notBefore.set(due.name, now + pause(1));
    const ending = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, ending.signal]);
    const over = () => {
      this.#looking = null;
      this.#wake();
    };
    const done = this.look(due.name, signal).then(over, over);
    this.#looking = { name: due.name, done, end: () => ending.abort() };
  }

  /** These agents have a change: a diagnosis of one of them is cancelled and a turn requested. */
  makeWay(names: readonly string[]): void {
    if (this.#looking && names.includes(this.#looking.name)) this.#looking.end();
  }

  /** On a person's request: diagnose again. */
  resetBackoff(names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...this.#notBefore.keys()]) this.#notBefore.delete(name);
    for (const [name, looked] of this.#looked)
      if (names.length === 0 || names.includes(name)) this.#looked.set(name, { ...looked, retryAt: 0 });
  }

  /** Immediately, for a caller that waits. null: not a Running instance of ours. Rejects only when it is cancelled. */
  readonly look = async (name: string, signal: AbortSignal): Promise<Diagnosis | null> => {
    const { driver, store, clock } = this.#deps;
    const seen = await driver.list(signal);
    const claim = store.claims.get(name);
    if (!claim || seen.kind !== "seen") return null;
    if (seen.instances.find((i) => i.name === name)?.state !== "Running") return null;
    const words = await this.#ask(claim, signal);
    const tries = (this.#looked.get(name)?.tries ?? 0) + 1;
    this.#looked.set(name, { nonce: claim.nonce, words, tries, retryAt: clock.now() + pause(tries) });
    return words;
  };

  async #ask(claim: Claim, signal: AbortSignal): Promise<Diagnosis> {
    const { name } = claim;
    // A fenced writer is refused: another controller may be about to stop the instance.
    await assertFence(this.#deps, name);
    const inside = await lookInGuest(this.#deps, name, signal);
    signal.throwIfAborted();
    if (inside.kind === "silent") return blind(name, `it cannot be looked into: ${inside.why}`);
    const unowned = unownedGuest(name, inside, isClaimed(claim));
    if (inside.kind === "seen" && unowned !== null) return blind(name, unowned);
    const settings = inside.kind === "seen" ? inside.settings : {};
    const { hub, gateway } = hubAddresses(
      settings,
      this.#deps.ownership?.hubPort() ?? FLEET_DEFAULTS.hub.agentPort,
    );
    // Checked again, because the diagnosis took time.
    await assertFence(this.#deps, name);
    try {
      const { stdout } = await runInGuest(this.#deps, name, INSTALL_ARGV, {
        signal,
        input: diagnosisScript(hub, gateway),
        deadlineMs: SILENCE_DEADLINE_MS,
      });
      const diagnosis = readDiagnosisReport(stdout);
      if (!diagnosis) return blind(name, "it was looked into, and its answer was cut off");
      const hide = ["joinToken", "nonce"].flatMap((key) =>
        typeof settings[key] === "string" ? settings[key] : [],
      );
      const words = diagnose(diagnosis, name, hide);
      return unowned === null ? words : { ...words, found: `${unowned}; ${words.found}` };
    } catch (error) {
      signal.throwIfAborted();
      return blind(
        name,
        `it cannot be looked into: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#looking?.done;
  }
}

const blind = (name: string, found: string): Diagnosis => ({
  found,
  next: `look inside by hand: vm-agent shell ${name}`,
  conclusive: false,
});

/** Launched, and its runtime was never online or no longer is. An instance without a runtime is not offline. */
const isOffline = (claim: Claim, reading: RuntimeReading | undefined): boolean =>
  claim.phase === "launched" &&
  !hasNoRuntime(claim, reading) &&
  !(proves(claim, reading) && reading?.status !== "offline");
