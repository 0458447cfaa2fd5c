/** The effect of each kind of step. The intent is on disk before the effect; every effect may be repeated. */
import type { Clock } from "../base/clock.ts";
import { VmAgentError } from "../base/errors.ts";
import type { Bus } from "../base/events.ts";
import { proves } from "../core/diff/diff.ts";
import { desiredView } from "../core/diff/fields.ts";
import type { Change, Claim, DesiredAgent, Step } from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import type { Store } from "../store/store.ts";
import { owned, putClaim, assertFence } from "./claims.ts";
import { changeMount, rerun } from "./guest-effects.ts";
import { onlyCut } from "./interruptions.ts";
import {
  type SizeRow,
  goneKey,
  imageKey,
  listedKey,
  mountingKey,
  mountsKey,
  sizeKey,
  vanishedKey,
} from "../store/keys.ts";
import { LOOK_AFTER_MS, type LetInAgain, type RuntimePort, type Diagnosis } from "./ports.ts";
import { removeSnapshot, restore, takeSnapshot } from "./snapshot-effects.ts";
import { forgetSnapshots } from "../observe/snapshots.ts";

export interface EffectDeps {
  readonly driver: Driver;
  readonly store: Store;
  readonly runtime: RuntimePort;
  readonly clock: Clock;
  readonly bus: Bus;
  /** The fencing token of this writer. */
  readonly fence: number;
  /** A fresh nonce for the instance of this name. */
  readonly nonce: (name: string) => string;
  /** Hash of the runtime bundle that instances are launched with. */
  readonly runtimeHash: string;
  /** cloud-init user data for this agent. */
  readonly userData: (agent: DesiredAgent, nonce: string, joinToken: string) => Promise<string>;
  /** Seconds that Multipass waits in each phase of a launch. */
  readonly launchTimeoutSeconds: number;
  /** Milliseconds until a launched or started instance must be Ready. */
  readonly readyTimeoutMs: number;
  /** Milliseconds that running tasks are waited for before an instance is stopped. */
  readonly drainMs: number;
  readonly onProgress?: (agent: string, text: string) => void;
  /** Diagnoses an instance whose runtime does not say hello; null: it cannot be diagnosed. */
  readonly diagnose?: (name: string, signal: AbortSignal) => Promise<Diagnosis | null>;
}

export interface EffectContext {
  readonly agent: DesiredAgent | null;
  readonly change: Change;
  readonly signal: AbortSignal;
  /** Called with the function that restores the runtime's access after it was revoked; null: nothing was revoked. */
  readonly revoked?: (letInAgain: LetInAgain | null) => void;
}

export async function runEffect(deps: EffectDeps, step: Step, context: EffectContext): Promise<void> {
  const { driver, runtime, store, fence } = deps;
  const name = step.agent;
  switch (step.kind) {
    case "claim":
      return claim(deps, need(context.agent, step));
    case "launch":
      return launch(deps, need(context.agent, step));
    case "await-ready":
      runtime.undrain(name);
      return awaitReady(deps, name, context.signal);
    case "start":
      await putClaim(deps, name, { bootAt: deps.clock.now() });
      return driver.start(name);
    case "stop":
      await assertFence(deps, name);
      return driver.stop(name, { force: false });
    case "suspend":
      await assertFence(deps, name);
      return driver.suspend(name);
    case "recover":
      await assertFence(deps, name);
      return driver.recover(name);
    case "resize":
      await assertFence(deps, name);
      await driver.resize(name, step.field ?? "cpu", step.value ?? 0);
      return store.kv.remove(sizeKey(name));
    case "snapshot":
      return takeSnapshot(deps, step);
    case "remove-snapshot":
      return removeSnapshot(deps, step);
    case "restore":
      return restore(deps, step);
    case "mount":
    case "unmount":
      return changeMount(deps, step);
    case "rerun":
      return rerun(deps, need(context.agent, step), onlyCut(context.signal));
    case "drain":
      return runtime.drain(name, mayEndTasks(context.change) ? deps.drainMs : 0, context.signal);
    case "revoke":
      await putClaim(deps, name, { phase: "removing", replacing: context.change.action === "replace" });
      return context.revoked?.(await runtime.revoke(name));
    case "remove":
      await assertFence(deps, name);
      if (store.kv.get(goneKey(name)) === owned(deps, name).nonce) return;
      return driver.remove(name);
    case "forget":
      await store.claims.remove(name, fence);
      await forgetReadings(deps, name);
      return store.kv.remove(vanishedKey(name));
    case "converged": {
      const agent = need(context.agent, step);
      return putClaim(deps, name, {
        phase: "launched",
        // Held fields are left out: they have not converged.
        converged: context.change.after ?? desiredView(agent),
        protect: agent.protect,
        document: agent.document,
      });
    }
    default: {
      const never: never = step.kind;
      return never;
    }
  }
}

/** Running tasks are drained; an instance that is down has none. */
const mayEndTasks = ({ action, seen }: Change): boolean =>
  !(action === "destroy" || action === "replace") ||
  !(seen === null || seen === "Stopped" || seen === "Suspended" || seen === "Deleted");

async function claim(deps: EffectDeps, agent: DesiredAgent): Promise<void> {
  const known = deps.store.claims.get(agent.name);
  const now = deps.clock.now();
  const fresh: Claim = {
    name: agent.name,
    // A launch that was begun may still be in progress with this nonce, unlisted; the nonce stays until one is
    // observed.
    nonce: known?.phase === "launching" ? known.nonce : deps.nonce(agent.name),
    phase: "launching",
    claimedAt: now,
    bootAt: now,
    image: agent.image ?? null,
    provisionHash: agent.provision.hash,
    runtimeHash: deps.runtimeHash,
    restoreToken: agent.restore?.token ?? null,
    document: agent.document,
    converged: null,
    proven: false,
    protect: agent.protect,
  };
  await deps.store.claims.put(fresh, deps.fence);
  await forgetReadings(deps, agent.name);
}

/** All records of an instance that is gone. */
async function forgetReadings({ store }: EffectDeps, name: string): Promise<void> {
  await store.kv.remove(sizeKey(name));
  await store.kv.remove(mountsKey(name));
  await store.kv.remove(mountingKey(name));
  await store.kv.remove(imageKey(name));
  await store.kv.remove(goneKey(name));
  await forgetSnapshots(store, name);
}

async function launch(deps: EffectDeps, agent: DesiredAgent): Promise<void> {
  const mine = owned(deps, agent.name);
  // First, because it refuses a fenced writer: a new join token would replace that of the other controller.
  await putClaim(deps, agent.name, { bootAt: deps.clock.now() });
  const token = await deps.runtime.enrol(agent.name, mine.nonce);
  const userData = await deps.userData(agent, mine.nonce, token);
  const spec = {
    name: agent.name,
    ...(agent.image !== undefined && { image: agent.image }),
    size: agent.size,
    timeoutSeconds: deps.launchTimeoutSeconds,
  };
  try {
    await deps.driver.launch(spec, userData, (text) => deps.onProgress?.(agent.name, text));
  } catch (error) {
    await launchFailed(deps, agent.name, error instanceof VmAgentError ? error.code : "");
    throw error;
  }
  await putClaim(deps, agent.name, { phase: "launched" });
  const at = deps.clock.now();
  const row: SizeRow = { size: agent.size, nonce: mine.nonce, state: "Running", bootId: null, at };
  await deps.store.kv.put(sizeKey(agent.name), row);
  await deps.store.kv.remove(vanishedKey(agent.name));
}

/** The daemon refused before it created anything. */
const REFUSED: readonly string[] = ["launch-refused", "image-unknown"];
/** The daemon reports that the launch is over: an unlisted instance will not appear. */
const OVER: readonly string[] = ["launch-failed", "host-full", "instance-missing"];
/**
 * The daemon held the name for our launch until a moment ago, so a listed instance came from it. Not after a timeout:
 * in those minutes another client may have purged the instance and taken its name.
 */
const TAKEN_ON: readonly string[] = ["launch-failed", "host-full"];

/**
 * Records what a failed launch left: nothing, so there is nothing to claim; or an instance that only this list shows.
 */
async function launchFailed(deps: EffectDeps, name: string, code: string): Promise<void> {
  const { driver, store, runtime, fence } = deps;
  if (!REFUSED.includes(code)) {
    if (!OVER.includes(code) && !TAKEN_ON.includes(code)) return;
    const seen = await driver.list();
    if (seen.kind === "unobservable") return;
    if (seen.instances.some((i) => i.name === name)) {
      if (!TAKEN_ON.includes(code)) return;
      await putClaim(deps, name, { leftover: true });
      return store.kv.put(listedKey(name), owned(deps, name).nonce);
    }
    if (!OVER.includes(code)) return;
  }
  await store.claims.remove(name, fence);
  await runtime.revoke(name);
}

/**
 * Ready is the runtime's hello with the right nonce and name, and the end of provisioning, not the end of `launch`
 * (CONTRACT section 8).
 */
async function awaitReady(deps: EffectDeps, name: string, signal: AbortSignal): Promise<void> {
  const mine = owned(deps, name);
  // An imported instance has no runtime before one is installed, so it is not waited for.
  if (mine.adopted && !deps.runtime.readings().some((r) => r.agent === name && proves(mine, r)))
    return putClaim(deps, name, { phase: "launched" });
  const isReady = () =>
    deps.runtime
      .readings()
      .some((r) => r.agent === name && r.status === "online" && proves(mine, r) && !r.provisioning);
  if (!isReady()) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = new AbortController();
    const offs = (["runtime.online", "runtime.provisioned"] as const).map((event) =>
      deps.bus.on(event, () => isReady() && resolve()),
    );
    const onAbort = () => done.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const wait = (ms: number) => Promise.race([promise, deps.clock.sleep(ms, done.signal)]);
    const early = Math.min(LOOK_AFTER_MS, deps.readyTimeoutMs / 2);
    let why: Diagnosis | null = null;
    let waited = deps.readyTimeoutMs;
    try {
      await wait(early);
      // A runtime that cannot come is not waited for; progress is reported while one may.
      if (!isReady()) why = (await deps.diagnose?.(name, done.signal)) ?? null;
      if (why) deps.onProgress?.(name, why.found);
      if (why?.conclusive) waited = early;
      else if (!isReady()) {
        await wait(deps.readyTimeoutMs - early);
        if (!isReady()) why = (await deps.diagnose?.(name, done.signal)) ?? why;
      }
    } finally {
      for (const off of offs) off();
      signal.removeEventListener("abort", onAbort);
      done.abort();
    }
    if (!isReady()) {
      const seconds = Math.round(waited / 1000);
      throw new VmAgentError({
        code: "not-ready",
        message: `"${name}" runs, but its runtime has not said hello in ${seconds} s${why ? `: ${why.found}` : ""}`,
        next: why?.next ?? `look inside: vm-agent shell ${name}`,
        transient: true,
      });
    }
  }
  await putClaim(deps, name, { phase: "launched", proven: true });
}

function need(agent: DesiredAgent | null, step: Step): DesiredAgent {
  if (agent) return agent;
  throw new VmAgentError({
    code: "world-moved",
    message: `"${step.agent}" is not in the fleet any more`,
    next: "nothing to do, the next turn makes a new plan",
    transient: true,
  });
}
