/** Looks into Running instances whose runtime is silent, so that their condition says why; changes nothing in them. */
import { INSTALL_ARGV } from "../../provisioning/install-script.ts";
import { silenceScript } from "../../provisioning/silence-script.ts";
import { FLEET_DEFAULTS } from "../core/desired-values.ts";
import { isEmptyInside, proves } from "../core/ownership.ts";
import type { Claim, Instant, RuntimeReading, Turn } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { reaffirm } from "../execute/claims.ts";
import { type InsideDeps, isClaimed, lookInside, runInside, strangerInside } from "./ownership/guest.ts";
import { LOOK_AFTER_MS, type RuntimePort, type SilenceWords } from "../execute/ports.ts";
import { pause } from "./remediation.ts";
import { hubAddresses, readSilence, silenceWords } from "./diagnosis.ts";

export interface SilencesDeps extends InsideDeps {
  readonly store: Store;
  readonly fence: number;
  readonly runtime: RuntimePort;
  /** The agent port in use. */
  readonly ownership?: { readonly hubPort: () => number };
}

/** All that the script waits for, and a guest that is slow. Milliseconds. */
const SILENCE_DEADLINE_MS = 75_000;

interface Looked {
  readonly nonce: string;
  readonly words: SilenceWords;
  readonly tries: number;
  readonly retryAt: Instant;
}

export class Silences {
  readonly #deps: SilencesDeps;
  readonly #wake: () => void;
  /** Before we listened nobody was silent. */
  readonly #since: Instant;
  readonly #looked = new Map<string, Looked>();
  /** Also for a look that came to nothing, or it would be begun again with every turn. */
  readonly #notBefore = new Map<string, Instant>();
  readonly #abort = new AbortController();
  #looking: { readonly name: string; readonly done: Promise<void>; readonly end: () => void } | null = null;

  constructor(deps: SilencesDeps, wake: () => void) {
    this.#deps = deps;
    this.#wake = wake;
    this.#since = deps.clock.now();
  }

  /** Why each silent runtime is so, as far as it was looked into. */
  get found(): ReadonlyMap<string, string> {
    // What will not come by itself says what helps, because nobody is told of it elsewhere.
    const text = ({ found, next, conclusive }: SilenceWords) => (conclusive ? `${found}; ${next}` : found);
    return new Map([...this.#looked].map(([name, { words }]) => [name, text(words)]));
  }

  /** The name that is looked into: nothing is begun on it, because a command in it would start one that was stopped in between. */
  get asked(): string | null {
    return this.#looking?.name ?? null;
  }

  nextAt(now: Instant): Instant | null {
    const later = [...this.#looked.values()].map(({ retryAt }) => retryAt).filter((at) => at > now);
    return later.length > 0 ? Math.min(...later) : null;
  }

  /** After each look at the fleet: one at a time, again and again with growing pauses while the silence lasts. */
  consider({ observed }: Turn, busy: ReadonlySet<string>): void {
    if (observed.instances.kind === "unobservable") return;
    const now = this.#deps.clock.now();
    const readings = new Map(observed.runtimes.map((r) => [r.agent, r]));
    const running = new Set(observed.instances.list.flatMap((i) => (i.state === "Running" ? i.name : [])));
    const silent = observed.claims.filter((c) => running.has(c.name) && isSilent(c, readings.get(c.name)));
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

  /** There is something to do to these: a diagnosis of one of them ends, and wakes the loop. */
  makeWay(names: readonly string[]): void {
    if (this.#looking && names.includes(this.#looking.name)) this.#looking.end();
  }

  /** Somebody asked: look again. */
  forgive(names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...this.#notBefore.keys()]) this.#notBefore.delete(name);
    for (const [name, looked] of this.#looked)
      if (names.length === 0 || names.includes(name)) this.#looked.set(name, { ...looked, retryAt: 0 });
  }

  /** Now, whoever waits for it. null: it is not a Running instance of ours. Rejects only when it is stopped. */
  readonly look = async (name: string, signal: AbortSignal): Promise<SilenceWords | null> => {
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

  async #ask(claim: Claim, signal: AbortSignal): Promise<SilenceWords> {
    const { name } = claim;
    // It refuses a writer whose time is over: another may be about to stop it.
    await reaffirm(this.#deps, name);
    const inside = await lookInside(this.#deps, name, signal);
    signal.throwIfAborted();
    if (inside.kind === "silent") return blind(name, `it cannot be looked into: ${inside.why}`);
    const stranger = strangerInside(name, inside, isClaimed(claim));
    if (inside.kind === "seen" && stranger !== null) return blind(name, stranger);
    const settings = inside.kind === "seen" ? inside.settings : {};
    const { hub, gateway } = hubAddresses(
      settings,
      this.#deps.ownership?.hubPort() ?? FLEET_DEFAULTS.hub.agentPort,
    );
    // Once more: the look took its time.
    await reaffirm(this.#deps, name);
    try {
      const { stdout } = await runInside(this.#deps, name, INSTALL_ARGV, {
        signal,
        input: silenceScript(hub, gateway),
        deadlineMs: SILENCE_DEADLINE_MS,
      });
      const silence = readSilence(stdout);
      if (!silence) return blind(name, "it was looked into, and its answer was cut off");
      const hide = ["joinToken", "nonce"].flatMap((key) =>
        typeof settings[key] === "string" ? settings[key] : [],
      );
      const words = silenceWords(silence, name, hide);
      return stranger === null ? words : { ...words, found: `${stranger}; ${words.found}` };
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

const blind = (name: string, found: string): SilenceWords => ({
  found,
  next: `look inside by hand: vm-agent shell ${name}`,
  conclusive: false,
});

/** Launched, its runtime never heard or not heard any more; one that nothing was ever put into has none that could speak. */
const isSilent = (claim: Claim, reading: RuntimeReading | undefined): boolean =>
  claim.phase === "launched" &&
  !isEmptyInside(claim, reading) &&
  !(proves(claim, reading) && reading?.status !== "offline");
