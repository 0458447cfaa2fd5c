/** Gives imported instances their runtime: one that runs and has none is given one, again and again until it says hello. */
import { toVmAgentError } from "../base/errors.ts";
import type { NextTry } from "../core/conditions.ts";
import { desiredView } from "../core/drift.ts";
import { isEmptyInside } from "../core/ownership.ts";
import { withKeptInstances } from "../core/renames.ts";
import type { Bus } from "../base/events.ts";
import type { Change, Claim, Desired, DesiredAgent, Instant } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { type InstallDeps, installRuntime } from "./install-runtime.ts";
import type { Turn } from "./reconcile.ts";
import { pause } from "./remediation.ts";

export interface InstallsDeps extends InstallDeps {
  readonly store: Store;
  readonly bus: Bus;
}

export interface PlannedInstall {
  readonly agent: DesiredAgent;
  readonly claim: Claim;
}

interface Tried {
  readonly tries: number;
  readonly retryAt: Instant;
  /** Empty: it was put in place, and has not said hello yet. */
  readonly why: string;
}

export class Installs {
  /** null: there is nothing to install. */
  readonly #deps: InstallsDeps | null;
  readonly #tried = new Map<string, Tried>();
  #wanted: readonly PlannedInstall[] = [];

  constructor(deps: InstallsDeps | null) {
    this.#deps = deps;
  }

  /** After each look. An instance that is on its way, paused or not shown as Running is left alone. */
  decide(turn: Turn, desired: Desired, occupied: ReadonlySet<string>): void {
    this.#wanted = [];
    const { observed } = turn;
    if (!this.#deps || observed.instances.kind === "unobservable") return;
    const claims = new Map(observed.claims.map((c) => [c.name, c]));
    const running = new Set(observed.instances.list.flatMap((i) => (i.state === "Running" ? i.name : [])));
    const readings = new Map(observed.runtimes.map((r) => [r.agent, r]));
    const empty = (claim: Claim | undefined) =>
      claim?.phase === "launched" && isEmptyInside(claim, readings.get(claim.name));
    for (const name of this.#tried.keys()) if (!empty(claims.get(name))) this.#tried.delete(name);
    if (!observed.claims.some(empty)) return;
    this.#wanted = withKeptInstances(desired, observed.claims).agents.flatMap((agent) => {
      const claim = claims.get(agent.name);
      const may = !agent.paused && agent.state === "running" && running.has(agent.name);
      return claim && empty(claim) && may && !occupied.has(agent.name) ? { agent, claim } : [];
    });
  }

  due(now: Instant): readonly PlannedInstall[] {
    return this.#wanted.filter(({ agent }) => (this.#tried.get(agent.name)?.retryAt ?? 0) <= now);
  }

  nextAt(now: Instant): Instant | null {
    const later = this.#wanted
      .map(({ agent }) => this.#tried.get(agent.name)?.retryAt ?? 0)
      .filter((at) => at > now);
    return later.length > 0 ? Math.min(...later) : null;
  }

  /** For whoever shows what is put off. */
  next(): readonly NextTry[] {
    return this.#wanted.flatMap(({ agent: { name } }) => {
      const tried = this.#tried.get(name);
      if (!tried) return [];
      const why = tried.why || "the runtime that was installed has not said hello yet";
      const attempt = tried.tries + 1;
      return {
        agent: name,
        what: "install-runtime",
        attempt,
        at: tried.retryAt,
        why,
        kind: "health",
        held: false,
      };
    });
  }

  /** Somebody asked: not later, but now. Without names: all. */
  forgive(names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...this.#tried.keys()]) this.#tried.delete(name);
  }

  changeOf({ agent, claim }: PlannedInstall): Change {
    const view = claim.converged ?? desiredView(agent);
    return {
      agent: agent.name,
      action: "update",
      patch: [],
      before: view,
      after: view,
      cause: "new",
      why: ["it was imported, and gets its runtime"],
      consequences: [],
      snapshots: [],
      waitsFor: [],
      seen: "Running",
      source: agent.source,
    };
  }

  /** Never rejects: what failed is told, and tried again later. */
  async run({ claim }: PlannedInstall, signal: AbortSignal): Promise<void> {
    const deps = this.#deps;
    if (!deps) return;
    const { name } = claim;
    const { bus, clock } = deps;
    const tries = (this.#tried.get(name)?.tries ?? 0) + 1;
    const note = (why: string): Tried => {
      const tried = { tries, why, retryAt: clock.now() + pause(tries) };
      this.#tried.set(name, tried);
      return tried;
    };
    const step = "install-runtime";
    const began = clock.now();
    bus.emit("step.started", { agent: name, step, detail: "" });
    try {
      if (!(await this.#isStill(deps, claim, signal))) return;
      await installRuntime(deps, name, claim.nonce, signal);
      note("");
      bus.emit("step.done", { agent: name, step, durationMs: clock.now() - began, skipped: false });
    } catch (error) {
      if (signal.aborted) return;
      const { message, next } = toVmAgentError(error);
      const { retryAt } = note(message);
      bus.emit("step.failed", { agent: name, step, message, next, retryInMs: retryAt - clock.now() });
    }
  }

  /** Looked at once more: `exec` would start one that has stopped since. */
  async #isStill(
    { driver, store }: InstallsDeps,
    { name, nonce }: Claim,
    signal: AbortSignal,
  ): Promise<boolean> {
    const seen = await driver.list(signal);
    if (seen.kind !== "seen" || seen.instances.find((i) => i.name === name)?.state !== "Running")
      return false;
    return store.claims.list().some((c) => c.name === name && c.nonce === nonce);
  }
}
