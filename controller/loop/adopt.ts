/**
 * Import: a person claims an instance that this fleet did not create. The only way in which an unowned instance becomes
 * owned.
 */
import { isReservedName } from "../../schemas/reserved-names.ts";
import type { Clock } from "../base/clock.ts";
import { EXIT, VmAgentError } from "../base/errors.ts";
import { desiredView, powerOf } from "../core/diff/fields.ts";
import type { Claim, DesiredAgent, InstanceState, ObservedInstance } from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import type { Store } from "../store/store.ts";
import { vanishedKey } from "../store/keys.ts";

export interface AdoptDeps {
  readonly driver: Driver;
  readonly store: Store;
  readonly clock: Clock;
  readonly fence: number;
  readonly nonce: () => string;
}

/** States in which the instance's size and image are known. */
const SETTLED: readonly InstanceState[] = ["Running", "Stopped", "Suspended"];

/**
 * Claims the instance in the state that its document declares, so that the plan is empty. The nonce is fresh and not
 * inside until a runtime is installed with it (`installer`); the claim alone is the proof. Rejects when the instance is
 * absent or claimed.
 */
export async function adopt(deps: AdoptDeps, agent: DesiredAgent): Promise<void> {
  const { store, clock, fence } = deps;
  const seen = await importable(deps, agent.name);
  if (powerOf(seen.state) !== agent.state) throw moved(agent, seen.state);
  const claim: Claim = {
    name: agent.name,
    nonce: deps.nonce(),
    phase: "launched",
    claimedAt: clock.now(),
    // No boot of ours: its state is judged without a boot grace.
    bootAt: 0,
    image: agent.image ?? null,
    provisionHash: agent.provision.hash,
    runtimeHash: "",
    restoreToken: agent.restore?.token ?? null,
    document: agent.document,
    converged: desiredView(agent),
    proven: false,
    protect: agent.protect,
    adopted: true,
  };
  await store.claims.put(claim, fence);
  await store.kv.remove(vanishedKey(agent.name));
}

/** The instance, if a person may claim it: present, in a settled state, and unclaimed. */
export async function importable(
  { driver, store }: Pick<AdoptDeps, "driver" | "store">,
  name: string,
): Promise<ObservedInstance> {
  if (isReservedName(name)) {
    throw new VmAgentError({
      code: "agent-name-reserved",
      message: `"${name}" is a name that the hub uses itself, so it cannot be an agent's`,
      next: `Multipass cannot rename an instance: copy it by vm-agent multipass clone ${name} -n NAME, and import that`,
    });
  }
  if (store.claims.get(name) !== undefined) {
    throw new VmAgentError({
      code: "already-ours",
      message: `"${name}" belongs to this fleet already`,
      next: `vm-agent why ${name} tells how it is`,
    });
  }
  const seen = await driver.list();
  if (seen.kind === "unobservable") {
    throw new VmAgentError({
      code: "unobservable",
      message: `nothing can be seen: ${seen.reason}`,
      next: seen.next,
      exit: EXIT.unreachable,
    });
  }
  const instance = seen.instances.find((i) => i.name === name);
  if (!instance) {
    throw new VmAgentError({
      code: "instance-missing",
      message: `Multipass has no instance "${name}"`,
      next: `there are: ${seen.instances.map((i) => i.name).join(", ") || "none"}`,
    });
  }
  if (SETTLED.includes(instance.state)) return instance;
  throw new VmAgentError({
    code: "wrong-state",
    message: `"${name}" is ${instance.state}, so it is not known what to write down`,
    next:
      instance.state === "Deleted"
        ? `vm-agent multipass recover ${name} brings it back, then import it`
        : "import it once it is Running, Stopped or Suspended",
  });
}

const moved = (agent: DesiredAgent, state: InstanceState): VmAgentError =>
  new VmAgentError({
    code: "world-moved",
    message: `"${agent.name}" is ${state} now, and its document says ${agent.state}`,
    next: `remove ${agent.source.file}, then import it again`,
  });
