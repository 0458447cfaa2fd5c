/** How each field of an agent may change on an existing instance, and when two readings of it are the same. */
import type {
  ConvergedView,
  DesiredAgent,
  Claim,
  ObservedInstance,
  PowerState,
  RuntimeReading,
} from "./types.ts";

export type Field = Exclude<keyof ConvergedView, "state" | "mounts">;

/** `stopped`: only while the instance is stopped. `grow`: the same, and never smaller. `live`: pushed to the runtime. */
export type How = "stopped" | "grow" | "replace" | "live" | "on-change";

export const HOW: Readonly<Record<Field, { readonly how: How; readonly why: string }>> = {
  cpu: { how: "stopped", why: "Multipass resizes stopped instances only" },
  memory: { how: "stopped", why: "Multipass resizes stopped instances only" },
  disk: { how: "grow", why: "Multipass grows disks of stopped instances only, and never shrinks one" },
  image: { how: "replace", why: "an image cannot be changed under an instance" },
  provision: { how: "on-change", why: "provisioning runs at the first boot only" },
  config: { how: "live", why: "pushed to the runtime, no restart" },
};

const KIB = 1024;

/**
 * True when `get` could have printed `observed` for an instance that was set to `wanted`: Multipass prints sizes with
 * one decimal of the largest unit (`512.0MiB`, `4.2GiB`; CONTRACT section 7), so the reading is rounded.
 */
export function sameSize(wanted: number, observed: number): boolean {
  if (wanted === observed) return true;
  let unit = 1;
  while (Math.max(wanted, observed) >= unit * KIB && unit < KIB ** 3) unit *= KIB;
  return Math.abs(wanted - observed) <= unit * 0.05 + 1;
}

export function powerOf(state: ObservedInstance["state"]): PowerState | null {
  if (state === "Running" || state === "Delayed Shutdown" || state === "Starting" || state === "Restarting")
    return "running";
  if (state === "Stopped" || state === "Deleted") return "stopped";
  if (state === "Suspended" || state === "Suspending") return "suspended";
  return null;
}

export function desiredView(agent: DesiredAgent): ConvergedView {
  return {
    state: agent.state,
    image: agent.image ?? null,
    cpu: agent.size.cpu,
    memory: agent.size.memory,
    disk: agent.size.disk,
    provision: agent.provision.hash,
    config: agent.configHash,
  };
}

/** Whether a view is `desiredView(agent)`, told without making one. */
export function isDesiredView(agent: DesiredAgent, view: ConvergedView): boolean {
  const { size, provision } = agent;
  return (
    view.state === agent.state &&
    view.image === (agent.image ?? null) &&
    view.cpu === size.cpu &&
    view.memory === size.memory &&
    view.disk === size.disk &&
    view.provision === provision.hash &&
    view.config === agent.configHash
  );
}

/**
 * What is there, in the same shape. A field that was not read takes the wanted value, because nothing is decided on the
 * strength of what was not seen; the same for sizes that differ only by how Multipass rounds.
 */
export function observedView(
  agent: DesiredAgent,
  instance: ObservedInstance,
  claim: Claim,
  runtime: RuntimeReading | undefined,
): ConvergedView {
  const size = instance.size;
  const near = (wanted: number, seen: number | undefined) =>
    seen === undefined || sameSize(wanted, seen) ? wanted : seen;
  const config = runtime?.status === "online" ? runtime.configHash : null;
  return {
    state: powerOf(instance.state) ?? agent.state,
    image: claim.image,
    cpu: size?.cpu ?? agent.size.cpu,
    memory: near(agent.size.memory, size?.memory),
    disk: near(agent.size.disk, size?.disk),
    provision: claim.provisionHash,
    config: config ?? claim.converged?.config ?? agent.configHash,
  };
}

const FIELDS = Object.keys(HOW) as readonly Field[];
const NONE: readonly Field[] = [];

/** The fields in which two views differ. */
export function differing(from: ConvergedView, to: ConvergedView): readonly Field[] {
  // Of ten thousand agents nearly all are the same, and then no list is made.
  for (const field of FIELDS) if (from[field] !== to[field]) return FIELDS.filter((f) => from[f] !== to[f]);
  return NONE;
}
