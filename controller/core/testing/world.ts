/** A small model of Multipass, the store and the hub: what `steps` do to the world, and what `observe` reads of it. */
import { diff } from "../diff/diff.ts";
import { desiredView, mountsOf } from "../diff/fields.ts";
import { makePlan } from "../plan.ts";
import { isTokenDone, withTokenDone } from "../diff/diff-restore.ts";
import { applyRenames } from "../renames.ts";
import { steps } from "../steps.ts";
import type {
  Change,
  Claim,
  Desired,
  DesiredAgent,
  InstanceState,
  Observed,
  Plan,
  Policy,
  Size,
  Step,
} from "../types.ts";
import { type ModelInstance, type ModelSnapshot, StepError, type World, printed } from "./model.ts";
import { MINUTE, runtimeOf } from "./build.ts";

export { type ModelInstance, type ModelSnapshot, StepError, type World, printed } from "./model.ts";

export function observe(world: World): Observed {
  for (const claim of world.claims.values()) {
    if (claim.phase !== "launched" || world.instances.has(claim.name)) continue;
    world.claims.delete(claim.name);
    world.runtimes.delete(claim.name);
    world.vanished.add(claim.name);
  }
  const list = [...world.instances].map(([name, i]) => {
    const readable = i.state === "Running" || i.state === "Stopped" || i.state === "Suspended";
    const size = { cpu: i.size.cpu, memory: printed(i.size.memory), disk: printed(i.size.disk) };
    return {
      name,
      state: i.state,
      release: "24.04 LTS",
      ipv4: [],
      ...(readable && { size }),
      ...(readable && (i.state !== "Running" || world.runtimes.has(name)) && { mounts: i.mounts ?? [] }),
      snapshots: i.snapshots.map((s) => ({ name: s.name, comment: s.comment, parent: "" })),
    };
  });
  return {
    at: world.now,
    instances: { kind: "seen", list },
    claims: [...world.claims.values()],
    runtimes: [...world.runtimes.values()],
    vanished: [...world.vanished],
    made: [...(world.made?.values() ?? [])],
    due: (world.due ?? []).filter((d) => !world.made?.has(`${d.agent}/${d.name}`)),
  };
}

/** Time passes: what was on its way arrives, and runtimes of running instances connect. */
export function settle(world: World, desired: Desired): void {
  world.now += 20 * MINUTE;
  const arrives: Partial<Record<InstanceState, InstanceState>> = {
    Starting: "Running",
    Restarting: "Running",
    "Delayed Shutdown": "Stopped",
    Suspending: "Suspended",
    Unknown: "Running",
    Unavailable: "Stopped",
  };
  for (const [name, instance] of world.instances)
    world.instances.set(name, { ...instance, state: arrives[instance.state] ?? instance.state });
  for (const agent of applyRenames(desired, [...world.claims.values()]).agents) connect(world, agent);
}

/** The hub accepts a runtime only with the nonce of the claim, and pushes the configuration to it. */
function connect(world: World, agent: DesiredAgent): boolean {
  const instance = world.instances.get(agent.name);
  const claim = world.claims.get(agent.name);
  if (instance?.state !== "Running" || instance.nonce !== claim?.nonce) {
    world.runtimes.delete(agent.name);
    return false;
  }
  world.runtimes.set(
    agent.name,
    runtimeOf(agent.name, { nonce: claim.nonce, configHash: agent.configHash, lastSeen: world.now }),
  );
  return true;
}

/** As `apply`: looks, skips what is satisfied, refuses what moved, then does it. `crashInside`: dies in the middle of an effect. */
export function runStep(
  world: World,
  step: Step,
  change: Change,
  agent: DesiredAgent | undefined,
  crashInside = false,
): undefined {
  const name = step.agent;
  const state = world.instances.get(name)?.state ?? "absent";
  if (step.satisfied.length > 0 && step.satisfied.includes(state)) return;
  if (step.requires.length > 0 && !step.requires.includes(state))
    throw new StepError("moved", `${name} is ${state}, ${step.kind} needs ${step.requires.join(" or ")}`);
  const illegal = (): never => {
    throw new StepError("illegal", `${step.kind} of ${name} while it is ${state}`);
  };
  const instance = world.instances.get(name);
  const claim = world.claims.get(name);
  const here = (): ModelInstance => instance ?? illegal();
  const mine = (): Claim => claim ?? illegal();
  const wanted = (): DesiredAgent => agent ?? illegal();
  const to = (next: InstanceState, more: Partial<ModelInstance> = {}): undefined => {
    mine();
    world.instances.set(name, { ...here(), ...more, state: next });
    if (next !== "Running") world.runtimes.delete(name);
  };
  switch (step.kind) {
    case "claim":
      return void world.claims.set(name, {
        name,
        nonce: claim?.phase === "launching" ? claim.nonce : `nonce-${name}-${world.now}`,
        phase: "launching",
        claimedAt: world.now,
        bootAt: world.now,
        image: wanted().image ?? null,
        provisionHash: wanted().provision.hash,
        runtimeHash: "r1",
        restoreToken: wanted().restore?.token ?? null,
        document: wanted().document,
        converged: null,
        proven: false,
        protect: wanted().protect,
      });
    case "launch":
      if (instance) return illegal();
      world.instances.set(name, {
        state: "Running",
        size: wanted().size,
        snapshots: [],
        mounts: [],
        nonce: mine().nonce,
      });
      world.vanished.delete(name);
      return void world.claims.set(name, { ...mine(), phase: "launched", bootAt: world.now });
    case "await-ready":
      if (state !== "Running") return illegal();
      if (!connect(world, wanted())) throw new StepError("failed", `${name} does not become ready`);
      return void world.claims.set(name, { ...mine(), phase: "launched", proven: true });
    case "start":
      if (state === "Deleted" || state === "Unknown" || state === "Suspending") return illegal();
      return void to("Running", { starts: (here().starts ?? 0) + 1 });
    case "stop":
      // In Unknown a clean stop works once the guest is up (CONTRACT section 5).
      if (
        state !== "Running" &&
        state !== "Delayed Shutdown" &&
        !(state === "Unknown" && world.runtimes.has(name))
      )
        return illegal();
      return to("Stopped");
    case "suspend":
      return state === "Running" ? to("Suspended") : illegal();
    case "recover":
      return state === "Deleted" ? to("Stopped") : illegal();
    case "resize": {
      const size = { ...here().size, [step.field as keyof Size]: step.value };
      if (state !== "Stopped" || size.disk < here().size.disk) return illegal();
      mine();
      return void world.instances.set(name, { ...here(), size });
    }
    case "snapshot": {
      const { snapshots, size, mounts = [], disk = "" } = here();
      if (state !== "Stopped" || !step.snapshot) return illegal();
      const { name: as, comment, of, at, safety } = step.snapshot;
      mine();
      if (snapshots.some((s) => s.name === as)) return;
      world.made?.set(`${name}/${as}`, {
        agent: name,
        name: as,
        of: safety ? null : (of ?? as),
        scheduled: of !== undefined,
        at: at ?? world.now,
      });
      const taken: ModelSnapshot = { name: as, comment, size, mounts, disk };
      return void world.instances.set(name, { ...here(), snapshots: [...snapshots, taken] });
    }
    case "remove-snapshot": {
      // Multipass cannot take one off the disk of an instance that runs.
      if (state !== "Stopped" || !step.snapshot) return illegal();
      const gone = step.snapshot.name;
      if (!world.made?.has(`${name}/${gone}`)) return illegal();
      mine();
      world.instances.set(name, { ...here(), snapshots: here().snapshots.filter((s) => s.name !== gone) });
      return void world.made.delete(`${name}/${gone}`);
    }
    case "restore": {
      const request = step.restore ?? illegal();
      if (isTokenDone(mine(), request.token)) return;
      const back = here().snapshots.find((s) => s.name === request.snapshot) ?? illegal();
      if (state !== "Stopped") return illegal();
      world.claims.set(name, { ...mine(), restoring: request });
      world.restores?.push({ agent: name, token: request.token, starts: here().starts ?? 0 });
      const { size = here().size, mounts = [], disk = "" } = back;
      world.instances.set(name, { ...here(), size, mounts, disk });
      if (crashInside) throw new StepError("failed", "killed between the restore and its record");
      const { mounts: _former, ...converged } = mine().converged ?? illegal();
      const seen = { cpu: size.cpu, memory: printed(size.memory), disk: printed(size.disk) };
      return void world.claims.set(name, {
        ...mine(),
        restoring: null,
        ...withTokenDone(mine(), request.token),
        converged: { ...converged, ...seen, ...mountsOf(mounts) },
      });
    }
    case "mount":
    case "unmount": {
      const { mounts = [] } = here();
      const mount = step.mount ?? illegal();
      mine();
      // Into a running guest it goes by ssh: one that does not answer wedges the daemon.
      if (state === "Running" && !world.runtimes.has(name)) return illegal();
      const others = mounts.filter((m) => m.target !== mount.target);
      // What is mounted there already stays: the driver takes the refusal for done.
      if (step.kind === "mount" && others.length < mounts.length) return;
      return void world.instances.set(name, {
        ...here(),
        mounts: step.kind === "mount" ? [...others, mount] : others,
      });
    }
    case "rerun": {
      if (state !== "Running" || !world.runtimes.has(name)) return illegal();
      world.claims.set(name, { ...mine(), provisionHash: "" });
      world.reruns?.push({ agent: name, hash: wanted().provision.hash });
      if (crashInside) throw new StepError("failed", "killed between the run and its record");
      return void world.claims.set(name, { ...mine(), provisionHash: wanted().provision.hash });
    }
    case "drain":
      return;
    case "revoke":
      world.runtimes.delete(name);
      return void world.claims.set(name, { ...mine(), phase: "removing" });
    case "remove":
      mine();
      return void world.instances.delete(name);
    case "forget":
      world.vanished.delete(name);
      for (const [key, m] of world.made ?? []) if (m.agent === name) world.made?.delete(key);
      return void world.claims.delete(name);
    case "converged":
      return void world.claims.set(name, {
        ...mine(),
        converged: change.after ?? desiredView(wanted()),
        protect: wanted().protect,
        document: wanted().document,
      });
    default: {
      const never: never = step.kind;
      return never;
    }
  }
}

/** All steps of one change; `crashAt` stops before that step, as `kill -9` would. False: the branch ended early. */
export function runChange(world: World, written: Desired, change: Change, crashAt = Infinity): boolean {
  const desired = applyRenames(written, [...world.claims.values()]);
  const agent = desired.agents.find((a) => a.name === change.agent);
  for (const [i, step] of steps(change).entries()) {
    if (i >= crashAt) return false;
    try {
      // Half a step beyond a whole number: killed in the middle of that step's effect.
      runStep(world, step, change, agent, crashAt - i === 0.5);
    } catch (error) {
      if (error instanceof StepError && error.kind !== "illegal") return false;
      throw error;
    }
  }
  return true;
}

/** One turn of the loop: plan, bookkeeping, the changes whose dependencies are ready. */
export function turn(world: World, desired: Desired, policy: Policy, crash?: () => number): Plan {
  const observed = observe(world);
  const plan = makePlan(desired, observed, policy, world.now);
  const found = diff(desired, observed, world.now, policy.bootGrace);
  for (const name of found.forget) {
    world.claims.delete(name);
    world.vanished.delete(name);
  }
  for (const { agent, ...facts } of found.remember) {
    const claim = world.claims.get(agent);
    if (claim) world.claims.set(agent, { ...claim, ...facts });
  }
  for (const change of plan.changes)
    if (change.waitsFor.length === 0) runChange(world, desired, change, crash?.());
  return plan;
}
