/** The short form of the golden cases under `plans/`, as whole values and back. */
import { desiredView } from "../diff/fields.ts";
import { GLYPHS } from "../../views/explain.ts";
import type {
  Claim,
  ConvergedView,
  Desired,
  DesiredAgent,
  Host,
  ImageReading,
  InstanceState,
  Observed,
  Plan,
  Policy,
  RuntimeReading,
  DueSnapshot,
  MadeSnapshot,
  Mount,
} from "../types.ts";
import {
  MINUTE,
  NOW,
  type ShortAgent,
  type ShortSnapshot,
  agentOf,
  claimOf,
  desiredOf,
  instanceOf,
  observedOf,
  policyOf,
  runtimeOf,
  size,
} from "./build.ts";

interface ShortSize {
  readonly cpu?: number;
  readonly memory?: string;
  readonly disk?: string;
}

type ShortInstance =
  | InstanceState
  | (ShortSize & {
      readonly state: InstanceState;
      readonly snapshots?: readonly string[];
      /** Absent: not read. */
      readonly mounts?: readonly Mount[];
      /** What is known of the image that the document names; absent: nothing yet. */
      readonly image?: ImageReading;
    });

/** `as-written`: converged as the document says. Fields: what it was converged as, where that differs. */
type ShortClaim =
  | "as-written"
  | "never-converged"
  | (ShortSize & {
      readonly state?: ConvergedView["state"];
      readonly image?: string;
      readonly provision?: string;
      readonly config?: string;
      readonly mounts?: readonly Mount[];
      readonly claim?: Partial<Claim>;
      /** Minutes since its last boot was begun. */
      readonly boot?: number;
      readonly converged?: null;
    });

export interface GoldenCase {
  readonly reason: string;
  readonly desired: {
    readonly agents?: readonly ShortAgent[];
    readonly snapshots?: readonly ShortSnapshot[];
    readonly settings?: {
      readonly prune?: boolean;
      readonly maxDeletes?: number;
      readonly limits?: ShortSize;
    };
    readonly guard?: Desired["guard"];
  };
  readonly observed: {
    readonly unobservable?: string;
    readonly instances?: Readonly<Record<string, ShortInstance>>;
    readonly claims?: Readonly<Record<string, ShortClaim>>;
    readonly runtimes?: Readonly<Record<string, "online" | Partial<RuntimeReading>>>;
    readonly vanished?: readonly string[];
    readonly made?: readonly MadeSnapshot[];
    readonly due?: readonly DueSnapshot[];
    readonly timeZone?: string;
    readonly host?: { readonly cpu: number; readonly memory: string; readonly disk: string };
  };
  readonly policy?: Partial<Policy>;
  readonly expect?: Expected;
}

export interface Expected {
  readonly changes: readonly string[];
  readonly held: readonly string[];
  readonly text: string;
}

const sizes = (s: ShortSize): Partial<Record<"cpu" | "memory" | "disk", number>> => ({
  ...(s.cpu !== undefined && { cpu: s.cpu }),
  ...(s.memory !== undefined && { memory: size(s.memory) }),
  ...(s.disk !== undefined && { disk: size(s.disk) }),
});

function claim(name: string, short: ShortClaim, written: DesiredAgent | undefined): Claim {
  const as = desiredView(written ?? agentOf({ name }));
  if (short === "as-written") return claimOf(name, as, { protect: written?.protect ?? false });
  if (short === "never-converged") return claimOf(name, null, { provisionHash: as.provision ?? "" });
  const { claim: more, boot, converged, cpu: _c, memory: _m, disk: _d, ...fields } = short;
  const view = { ...as, ...fields, ...sizes(short) };
  return {
    ...claimOf(name, view, boot === undefined ? {} : { bootAt: NOW - boot * MINUTE }),
    ...(converged === null && { converged: null, proven: false }),
    ...more,
  };
}

export function inputs(c: GoldenCase): {
  readonly desired: Desired;
  readonly observed: Observed;
  readonly policy: Policy;
} {
  const { settings = {}, snapshots, guard } = c.desired;
  const desired = desiredOf(
    c.desired.agents ?? [],
    snapshots,
    { ...settings, limits: sizes(settings.limits ?? {}) },
    guard,
  );
  const written = new Map(desired.agents.map((a) => [a.name, a]));
  const entries = <T>(record: Readonly<Record<string, T>> | undefined) => Object.entries(record ?? {});
  const instances = entries(c.observed.instances).map(([name, i]) => {
    const more = typeof i === "string" ? {} : i;
    const at = written.get(name)?.size ?? agentOf({ name }).size;
    const taken = typeof i === "string" ? [] : (i.snapshots ?? []);
    return instanceOf(name, typeof i === "string" ? i : i.state, {
      size: { ...at, ...sizes(more) },
      snapshots: taken.map((s) => ({ name: s, parent: "", comment: "" })),
      ...(typeof i !== "string" && i.mounts && { mounts: i.mounts }),
      ...(typeof i !== "string" && i.image && { image: i.image }),
    });
  });
  const host: Host | undefined = c.observed.host && {
    cpu: c.observed.host.cpu,
    memory: size(c.observed.host.memory),
    disk: size(c.observed.host.disk),
  };
  const observed = observedOf(
    c.observed.unobservable ?? instances,
    entries(c.observed.claims).map(([name, short]) => claim(name, short, written.get(name))),
    entries(c.observed.runtimes).map(([name, r]) =>
      runtimeOf(name, { configHash: written.get(name)?.configHash ?? "c1", ...(r === "online" ? {} : r) }),
    ),
    {
      vanished: c.observed.vanished ?? [],
      ...(host && { host }),
      ...(c.observed.made && { made: c.observed.made }),
      ...(c.observed.due && { due: c.observed.due }),
      ...(c.observed.timeZone && { timeZone: c.observed.timeZone }),
    },
  );
  return { desired, observed, policy: policyOf(c.policy) };
}

/** `! a cpu memory (edited)`, `limits a: + a`. */
export function shortPlan(plan: Plan): Omit<Expected, "text"> {
  const change = (c: Plan["changes"][number]): string => {
    const fields = c.before === null || c.after === null ? [] : c.patch.map((op) => op.path.slice(1));
    const taken = [
      ...c.snapshots.map((s) => `*${s.name}`),
      ...(c.removes ?? []).map((name) => `-*${name}`),
      ...(c.restore ? [`<${c.restore.snapshot} after *${c.restore.safety}`] : []),
    ];
    const waits = c.waitsFor.length > 0 ? [`after ${c.waitsFor.join(",")}`] : [];
    return [GLYPHS[c.action].text, c.agent, ...fields.sort(), ...taken, ...waits, `(${c.cause})`].join(" ");
  };
  return {
    changes: plan.changes.map(change),
    held: plan.held.map((h) => `${h.reason} ${h.agent}${h.would ? `: ${change(h.would)}` : ""}`),
  };
}
