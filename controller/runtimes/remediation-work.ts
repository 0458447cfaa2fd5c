/** Carries out remediation, one step at a time, and stores how far each agent's ladder has been climbed. */
import { BUNDLE_PATH } from "../../provisioning/systemd/unit.ts";
import { VmAgentError } from "../base/errors.ts";
import { desiredView } from "../core/diff/fields.ts";
import { hasNoRuntime, proves } from "../core/ownership.ts";
import { applyRenames } from "../core/renames.ts";
import type { Change, Claim, Desired, DesiredAgent, Instant, RuntimeReading, Turn } from "../core/types.ts";
import { type ApplyDeps, applyChange, stateOf } from "../execute/execute.ts";
import { hasAnswered, noLongerDesired } from "../execute/interruptions.ts";
import { assertFence } from "../execute/claims.ts";
import { type InstallDeps, installRuntime } from "./install-runtime.ts";
import { episodeKey } from "./remediation-key.ts";
import { lookInGuest, runInGuest } from "./ownership/guest.ts";
import type { Proofs } from "./ownership/proofs.ts";
import { enrolAgain } from "./ownership/readopt.ts";
import { type Episode, type Remedy, episodeAfter, remedyOf, tried } from "./remediation.ts";

export interface RemedyDeps extends ApplyDeps {
  readonly hubPort?: () => number;
  /** Installs the runtime where it is missing. */
  readonly install?: InstallDeps;
  readonly bootGrace: number;
}

/** The next attempt on one agent, with its input. */
export interface PlannedRemedy {
  readonly agent: DesiredAgent;
  readonly claim: Claim;
  readonly remedy: Exclude<Remedy, { readonly kind: "none" }>;
}

/** `systemctl` waits until the runtime has ended its tasks in order (20 s by its unit). */
const RESTART_DEADLINE_MS = 60_000;
/** If this many runtimes are offline and none is online, the cause is not in the agents. */
const SEVERAL = 3;

export class Remedies {
  readonly #deps: RemedyDeps;
  readonly #proofs: Proofs;
  readonly #since: Instant;
  #planned: ReadonlyMap<string, PlannedRemedy> = new Map();
  readonly #trying = new Set<string>();
  /** Since when each was observed Running without a break: before that it could not report, or we could not know. */
  readonly #runningSince = new Map<string, Instant>();

  constructor(deps: RemedyDeps, proofs: Proofs) {
    this.#deps = deps;
    this.#proofs = proofs;
    this.#since = deps.clock.now();
  }

  /** The decision of the last refresh. */
  get planned(): ReadonlyMap<string, PlannedRemedy> {
    return this.#planned;
  }

  /** Attempts that are due. */
  due(): readonly PlannedRemedy[] {
    return [...this.#planned.values()].filter((p) => p.remedy.kind === "try");
  }

  nextAt(now: Instant): Instant | null {
    const waits = [...this.#planned.values()].filter((p) => p.remedy.kind === "wait" && p.remedy.at > now);
    return waits.length > 0 ? Math.min(...waits.map((p) => p.remedy.at)) : null;
  }

  /** After each refresh: what to try, and the state of the episodes. An unobservable world changes nothing. */
  async decide(turn: Turn, desired: Desired, busy: ReadonlySet<string>): Promise<void> {
    const { observed, plan } = turn;
    const { store, clock, bootGrace } = this.#deps;
    this.#planned = new Map();
    if (observed.instances.kind === "unobservable") return this.#runningSince.clear();
    const now = clock.now();
    const running = new Set(observed.instances.list.flatMap((i) => (i.state === "Running" ? i.name : [])));
    for (const name of this.#runningSince.keys()) if (!running.has(name)) this.#runningSince.delete(name);
    for (const name of running) if (!this.#runningSince.has(name)) this.#runningSince.set(name, now);
    const readings = new Map(observed.runtimes.map((r) => [r.agent, r]));
    const claims = new Map(observed.claims.map((c) => [c.name, c]));
    const changing = new Set(plan.changes.map((c) => c.agent));
    const episodes = store.kv.all("episode/");
    const agents = applyRenames(desired, observed.claims).agents;
    const settled = agents.filter((a) => mayBeRemedied(claims.get(a.name), readings.get(a.name)));
    const expected = settled.filter((a) => a.state === "running" && running.has(a.name));
    const allOffline =
      expected.length >= SEVERAL && expected.every((a) => readings.get(a.name)?.status !== "online");
    const planned = new Map<string, PlannedRemedy>();
    for (const agent of settled) {
      const { name } = agent;
      const claim = claims.get(name);
      const reading = readings.get(name);
      if (!claim) continue;
      const before = (episodes.get(episodeKey(name)) as Episode | undefined) ?? null;
      const runtime = reading && proves(claim, reading) ? reading.status : "offline";
      if (before === null && (runtime !== "offline" || agent.health.remediate.length === 0)) continue;
      const episode = episodeAfter(before, runtime, now);
      if (episode !== before) await this.#remember(name, episode);
      const heard = reading?.lastSeen ?? 0;
      const remedy = remedyOf({
        now,
        agent,
        episode,
        running: running.has(name),
        occupied: changing.has(name) || busy.has(name),
        runtime,
        offlineSince: Math.max(heard, claim.bootAt, this.#since, this.#runningSince.get(name) ?? 0),
        bootUntil: heard > claim.bootAt ? 0 : claim.bootAt + bootGrace,
        tasksUntil: reading?.tasksUntil ?? null,
        allOffline,
        guarded: desired.guard !== undefined,
      });
      if (remedy.kind !== "none") planned.set(name, { agent, claim, remedy });
    }
    for (const key of episodes.keys())
      if (!claims.has(key.slice("episode/".length))) await store.kv.remove(key);
    this.#planned = planned;
  }

  /** On a person's request: the next attempt does not wait for backoff. An attempt in flight answers the request. */
  async resetBackoff(names: readonly string[]): Promise<void> {
    const all = [...this.#deps.store.kv.all("episode/").keys()].map((key) => key.slice("episode/".length));
    for (const name of names.length > 0 ? names : all)
      if (all.includes(name) && !this.#trying.has(name)) await this.#remember(name, null);
  }

  /** The step as a change, for display. */
  changeOf({ agent, claim, remedy }: PlannedRemedy): Change {
    const replace = remedy.rung === "replace";
    const after = claim.converged ?? desiredView(agent);
    const why = `its runtime is silent: ${remedy.rung}, try ${remedy.attempt}`;
    return {
      agent: agent.name,
      action: replace ? "replace" : "restart-update",
      patch: [],
      before: after,
      after: replace ? desiredView(agent) : after,
      cause: "drift",
      why: [why],
      consequences: replace ? ["the disk and all snapshots are lost"] : [],
      snapshots: [],
      waitsFor: [],
      seen: "Running",
      source: agent.source,
    };
  }

  /** The attempt is on disk before it begins, so that a crash during it counts. */
  async run(
    planned: PlannedRemedy,
    change: Change,
    signal: AbortSignal,
    isWanted: () => boolean,
  ): Promise<void> {
    const { agent, remedy } = planned;
    const { name } = agent;
    const before = (this.#deps.store.kv.get(episodeKey(name)) as Episode | undefined) ?? null;
    this.#stillOffline(name, remedy.rung);
    await this.#proofs.prove(name, null);
    this.#stillOffline(name, remedy.rung);
    if (!isWanted()) throw noLongerDesired(name, remedy.rung);
    await this.#remember(name, tried(before, remedy.rung, this.#deps.clock.now()));
    this.#trying.add(name);
    try {
      await this.#carryOut(planned, change, signal, isWanted, before);
    } finally {
      this.#trying.delete(name);
    }
  }

  /** Rejects where the runtime has reported since the decision: nothing is left to remedy. */
  #stillOffline(name: string, rung: string): void {
    const claim = this.#deps.store.claims.get(name);
    const reading = this.#deps.runtime.readings().find((r) => r.agent === name);
    if (claim && proves(claim, reading) && reading?.status !== "offline") throw hasAnswered(name, rung);
  }

  async #carryOut(
    { agent, remedy }: PlannedRemedy,
    change: Change,
    signal: AbortSignal,
    isWanted: () => boolean,
    before: Episode | null,
  ): Promise<void> {
    const { name } = agent;
    switch (remedy.rung) {
      case "restart-runtime":
        return this.#step(name, remedy.rung, () => this.#restartRuntime(name, signal));
      case "restart-instance":
        return this.#restartInstance(name, before);
      case "replace":
        return applyChange(this.#deps, change, agent, signal, isWanted);
      default: {
        const never: never = remedy.rung;
        return never;
      }
    }
  }

  /** A runtime without a credential cannot connect, so it gets a join token before it is restarted. */
  async #restartRuntime(name: string, signal: AbortSignal): Promise<void> {
    const { driver, runtime, hubPort, install } = this.#deps;
    const inside = await lookInGuest(this.#deps, name, signal);
    this.#stillOffline(name, "restart-runtime");
    // A fenced writer is refused: a new join token would replace that of the other controller.
    await assertFence(this.#deps, name);
    const claim = this.#deps.store.claims.get(name);
    // An imported instance has no runtime where a snapshot from before its import was restored.
    if (install && claim && (inside.kind === "nothing" || (await this.#isToBePutInPlace(name, signal))))
      return installRuntime(install, name, claim.nonce, signal);
    if (inside.kind === "seen" && hubPort)
      await enrolAgain({ ...this.#deps, driver, runtime, hubPort }, name, inside, signal);
    await assertFence(this.#deps, name);
    this.#stillOffline(name, "restart-runtime");
    const argv = ["sudo", "-n", "systemctl", "restart", "vm-agent"];
    const { exitCode, stderr } = await runInGuest(this.#deps, name, argv, {
      signal,
      deadlineMs: RESTART_DEADLINE_MS,
    });
    if (exitCode === 0) return;
    throw new VmAgentError({
      code: "runtime-not-restarted",
      message: `the runtime of "${name}" was not restarted: ${stderr.trim() || `systemctl ended with ${exitCode}`}`,
      next: `look inside: vm-agent multipass exec ${name} -- systemctl status vm-agent`,
      transient: true,
    });
  }

  /**
   * True where the guest reports that its bundle is missing or wrong: the hub cannot upgrade it while it is offline.
   * Not again where the same bundle was installed before without success.
   */
  async #isToBePutInPlace(name: string, signal: AbortSignal): Promise<boolean> {
    const { runtime, runtimeHash } = this.#deps;
    const argv = ["sudo", "-n", "env", "LC_ALL=C", "sha256sum", BUNDLE_PATH];
    const { exitCode, stdout, stderr } = await runInGuest(this.#deps, name, argv, { signal });
    if (exitCode !== 0) return /No such file or directory/.test(stderr);
    const hash = /^\\?([0-9a-f]{64}) /.exec(stdout.trim())?.[1];
    const upgrade = runtime.readings().find((r) => r.agent === name)?.upgrade;
    const didNotWork = upgrade?.hash === runtimeHash && /^(failed|refused)$/.test(upgrade.state);
    return hash !== undefined && hash !== runtimeHash && !didNotWork;
  }

  /** The second time by force: a guest that an orderly restart did not help may not shut down in order either. */
  async #restartInstance(name: string, before: Episode | null): Promise<void> {
    const { driver, store, clock, fence } = this.#deps;
    const force = before?.last === "restart-instance";
    const claim = store.claims.get(name);
    if (!claim) return;
    await this.#step(name, "stop", async () => {
      await store.claims.put(claim, fence);
      await driver.stop(name, { force });
    });
    // Observed once more: a stop may take minutes, and other programs use the same Multipass.
    if ((await stateOf(driver, name)) !== "Stopped") return;
    await this.#step(name, "start", async () => {
      await store.claims.put({ ...claim, bootAt: clock.now() }, fence);
      await driver.start(name);
    });
  }

  async #step(agent: string, step: string, work: () => Promise<void>): Promise<void> {
    const { bus, clock } = this.#deps;
    const began = clock.now();
    bus.emit("step.started", { agent, step, detail: "" });
    await work();
    bus.emit("step.done", { agent, step, durationMs: clock.now() - began, skipped: false });
  }

  async #remember(name: string, episode: Episode | null): Promise<void> {
    const { kv } = this.#deps.store;
    if (episode) await kv.put(episodeKey(name), episode);
    else await kv.remove(episodeKey(name));
  }
}

/** Launched or readopted, with a runtime that should answer. */
function mayBeRemedied(claim: Claim | undefined, reading: RuntimeReading | undefined): boolean {
  return claim !== undefined && claim.phase === "launched" && !hasNoRuntime(claim, reading);
}
