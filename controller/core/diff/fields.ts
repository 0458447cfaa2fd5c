/** How each field of an agent may change on an existing instance, and when two readings are equal. */
import { imageIs } from "./image-name.ts";
import type {
  ConvergedView,
  Claim,
  DesiredAgent,
  Mount,
  ObservedInstance,
  PowerState,
  RuntimeReading,
} from "../types.ts";

export type Field = Exclude<keyof ConvergedView, "state">;

/** `stopped`: only while the instance is stopped. `grow`: the same, and never smaller. `live`: no restart. */
export type How = "stopped" | "grow" | "replace" | "live" | "on-change";

export const HOW: Readonly<Record<Field, { readonly how: How; readonly why: string }>> = {
  cpu: { how: "stopped", why: "Multipass resizes stopped instances only" },
  memory: { how: "stopped", why: "Multipass resizes stopped instances only" },
  disk: { how: "grow", why: "Multipass grows disks of stopped instances only, and never shrinks one" },
  image: { how: "replace", why: "an image cannot be changed under an instance" },
  provision: { how: "on-change", why: "provisioning runs at the first boot only" },
  config: { how: "live", why: "pushed to the runtime, no restart" },
  mounts: { how: "live", why: "mounted and unmounted while it runs, no restart" },
};

const KIB = 1024;

/**
 * True when `get` could print `observed` for an instance set to `wanted`: Multipass prints sizes with one decimal of
 * the largest unit (`512.0MiB`, `4.2GiB`; CONTRACT section 7), so the reading is rounded.
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

const NO_MOUNTS: readonly Mount[] = [];
const plain = (path: string): string => path.replace(/(?!^)\/+$/, "");
const mountKey = (m: Mount): string => `${plain(m.target)}\n${plain(m.source)}`;

/** Sorted and normalised; absent for none, so that most views have no such key. */
export function mountsOf(mounts: readonly Mount[] | undefined): { readonly mounts?: readonly Mount[] } {
  if (mounts === undefined || mounts.length === 0) return {};
  const sorted = mounts
    .map(({ source, target }) => ({ source: plain(source), target: plain(target) }))
    .sort((a, b) => (mountKey(a) < mountKey(b) ? -1 : 1));
  return { mounts: sorted };
}

export function sameMounts(a: readonly Mount[] = NO_MOUNTS, b: readonly Mount[] = NO_MOUNTS): boolean {
  if (a === b || (a.length === 0 && b.length === 0)) return true;
  if (a.length !== b.length) return false;
  const keys = new Set(a.map(mountKey));
  return b.every((m) => keys.has(mountKey(m)));
}

/** Mounts of `from` that are missing in `to`. */
export function mountsBeyond(
  from: readonly Mount[] = NO_MOUNTS,
  to: readonly Mount[] = NO_MOUNTS,
): readonly Mount[] {
  const keys = new Set(to.map(mountKey));
  return from.filter((m) => !keys.has(mountKey(m)));
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
    ...mountsOf(agent.mounts),
  };
}

/** Compares a view with `desiredView(agent)` without building one. */
export function isDesiredView(agent: DesiredAgent, view: ConvergedView): boolean {
  const { size, provision } = agent;
  return (
    view.state === agent.state &&
    view.image === (agent.image ?? null) &&
    view.cpu === size.cpu &&
    view.memory === size.memory &&
    view.disk === size.disk &&
    view.provision === provision.hash &&
    view.config === agent.configHash &&
    sameMounts(view.mounts, agent.mounts)
  );
}

/**
 * The observed view. A field that was not read takes the desired value, because an unknown value must not cause a
 * decision; the same for sizes within Multipass's rounding.
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
    // Another name of the same image is no difference.
    image: imageIs(agent, claim.image, instance) === "same" ? (agent.image ?? null) : claim.image,
    cpu: size?.cpu ?? agent.size.cpu,
    memory: near(agent.size.memory, size?.memory),
    disk: near(agent.size.disk, size?.disk),
    provision: claim.provisionHash,
    config: config ?? claim.converged?.config ?? agent.configHash,
    // An agent that never converged may have none yet, and mounting twice has no effect.
    ...mountsOf(instance.mounts ?? (claim.converged ? agent.mounts : NO_MOUNTS)),
  };
}

const FIELDS = Object.keys(HOW) as readonly Field[];
const NONE: readonly Field[] = [];

const isSame = (from: ConvergedView, to: ConvergedView, field: Field): boolean =>
  field === "mounts" ? sameMounts(from.mounts, to.mounts) : from[field] === to[field];

/** The fields in which two views differ. */
export function differing(from: ConvergedView, to: ConvergedView): readonly Field[] {
  // Of ten thousand agents nearly all are equal, and then no list is made.
  for (const field of FIELDS) if (!isSame(from, to, field)) return FIELDS.filter((f) => !isSame(from, to, f));
  return NONE;
}

/** `view` with this field taken from `other`. */
export function withField(view: ConvergedView, field: Field, other: ConvergedView): ConvergedView {
  if (field !== "mounts") return { ...view, [field]: other[field] };
  const { mounts: _mounts, ...rest } = view;
  return { ...rest, ...mountsOf(other.mounts) };
}
