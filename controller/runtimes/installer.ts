/**
 * Installs runtimes through the driver: an imported instance has none, and an older runtime may not support upgrades
 * over its connection. Repeated until the expected one says hello.
 */
import { VmAgentError, toVmAgentError } from "../base/errors.ts";
import type { NextTry } from "../views/status.ts";
import { desiredView } from "../core/diff/fields.ts";
import { hasNoRuntime, proves } from "../core/ownership.ts";
import { applyRenames } from "../core/renames.ts";
import type { Bus } from "../base/events.ts";
import type { Change, Claim, Desired, DesiredAgent, Instant, RuntimeReading, Turn } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { type InstallDeps, installRuntime } from "./install-runtime.ts";
import type { RuntimePort } from "../execute/ports.ts";
import { pause } from "./remediation.ts";

export interface InstallsDeps extends InstallDeps {
  readonly runtime: Pick<RuntimePort, "enrol" | "addresses" | "drain" | "undrain" | "readings">;
  /** Milliseconds that running tasks are waited for before an older runtime ends. */
  readonly drainMs: number;
  readonly store: Store;
  readonly bus: Bus;
}

export interface PlannedInstall {
  readonly cause: "empty" | "older";
  readonly agent: DesiredAgent;
  readonly claim: Claim;
}

interface Tried {
  readonly tries: number;
  readonly retryAt: Instant;
  /** Empty: installed, and not yet online. */
  readonly why: string;
}

export class RuntimeInstaller {
  /** null: nothing to install. */
  readonly #deps: InstallsDeps | null;
  readonly #tried = new Map<string, Tried>();
  #wanted: readonly PlannedInstall[] = [];

  constructor(deps: InstallsDeps | null) {
    this.#deps = deps;
  }

  /** After each refresh. An instance that is in transition, paused or not Running is left alone. */
  decide(turn: Turn, desired: Desired, occupied: ReadonlySet<string>): void {
    this.#wanted = [];
    const { observed } = turn;
    if (!this.#deps || observed.instances.kind === "unobservable") return;
    const claims = new Map(observed.claims.map((c) => [c.name, c]));
    const running = new Set(observed.instances.list.flatMap((i) => (i.state === "Running" ? i.name : [])));
    const readings = new Map(observed.runtimes.map((r) => [r.agent, r]));
    const cause = (claim: Claim | undefined) => causeOf(claim, claim && readings.get(claim.name));
    for (const name of this.#tried.keys()) if (!cause(claims.get(name))) this.#tried.delete(name);
    if (!observed.claims.some((claim) => cause(claim) !== null)) return;
    this.#wanted = applyRenames(desired, observed.claims).agents.flatMap((agent) => {
      const claim = claims.get(agent.name);
      const may = !agent.paused && agent.state === "running" && running.has(agent.name);
      const why = cause(claim);
      return claim && why && may && !occupied.has(agent.name) ? { agent, claim, cause: why } : [];
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

  /** Delayed attempts, for display. */
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

  /** On a person's request: now, without backoff. Without names: all. */
  resetBackoff(names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...this.#tried.keys()]) this.#tried.delete(name);
  }

  changeOf({ agent, claim, cause }: PlannedInstall): Change {
    const view = claim.converged ?? desiredView(agent);
    return {
      agent: agent.name,
      action: "update",
      patch: [],
      before: view,
      after: view,
      cause: "new",
      why: [
        cause === "empty"
          ? "it was imported, and gets its runtime"
          : "its runtime is too old to be upgraded over its connection, and is installed again",
      ],
      consequences: [],
      snapshots: [],
      waitsFor: [],
      seen: "Running",
      source: agent.source,
    };
  }

  /** Never rejects: a failure is reported and retried later. */
  async run({ claim, cause }: PlannedInstall, signal: AbortSignal): Promise<void> {
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
      if (cause === "older") await drained(deps, name, signal);
      if (!(await this.#isStill(deps, claim, signal))) return;
      await installRuntime(deps, name, claim.nonce, signal);
      note("");
      bus.emit("step.done", { agent: name, step, durationMs: clock.now() - began, skipped: false });
    } catch (error) {
      if (signal.aborted) return;
      const { message, next } = toVmAgentError(error);
      const { retryAt } = note(message);
      bus.emit("step.failed", { agent: name, step, message, next, retryInMs: retryAt - clock.now() });
    } finally {
      if (cause === "older") deps.runtime.undrain(name);
    }
  }

  /** Observed once more: `exec` would start an instance that has stopped since. */
  async #isStill(
    { driver, store }: InstallsDeps,
    { name, nonce }: Claim,
    signal: AbortSignal,
  ): Promise<boolean> {
    const seen = await driver.list(signal);
    if (seen.kind !== "seen" || seen.instances.find((i) => i.name === name)?.state !== "Running")
      return false;
    return store.claims.get(name)?.nonce === nonce;
  }
}

/** An older runtime is replaced only where its own report proves its owner. */
function causeOf(
  claim: Claim | undefined,
  reading: RuntimeReading | undefined,
): PlannedInstall["cause"] | null {
  if (claim?.phase !== "launched") return null;
  if (hasNoRuntime(claim, reading)) return "empty";
  const isOlder = reading?.status === "online" && reading.upgrade?.state === "unsupported";
  return isOlder && proves(claim, reading) ? "older" : null;
}

/** Its tasks would end with it. */
async function drained({ runtime, drainMs }: InstallsDeps, name: string, signal: AbortSignal): Promise<void> {
  await runtime.drain(name, drainMs, signal);
  const running = runtime.readings().find((r) => r.agent === name)?.runningTasks ?? 0;
  if (running === 0) return;
  throw new VmAgentError({
    code: "tasks-running",
    message: `the runtime of "${name}" is not installed again: ${running === 1 ? "a task of it runs" : `${running} tasks of it run`}`,
    next: "nothing to do, it is tried again when they may be over",
    transient: true,
  });
}
