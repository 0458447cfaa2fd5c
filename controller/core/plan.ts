/** Changes and holds: the guards of SPEC section 3 applied to the differences. Pure. */
import { type Diff, compareText, diff } from "./diff/diff.ts";
import { bytes } from "./units.ts";
import { applyRenames, withKeptTargets } from "./renames.ts";
import type {
  Change,
  Counts,
  Desired,
  Held,
  HoldReason,
  Instant,
  Observed,
  Plan,
  Policy,
  Size,
} from "./types.ts";
import { observedHash } from "./world-hash.ts";

export function makePlan(desired: Desired, observed: Observed, policy: Policy, now: Instant): Plan {
  return plan(diff(desired, observed, now, policy.bootGrace), desired, observed, policy, now);
}

export function plan(found: Diff, desired: Desired, observed: Observed, policy: Policy, now: Instant): Plan {
  policy = withKeptTargets(policy, desired, observed.claims);
  desired = applyRenames(desired, observed.claims);
  found = unverified(policy.actor === "apply" ? released(found, policy.targets) : found, policy.allowDelete);
  let held: Held[] = [...found.held];
  const guard = guards(found, desired, observed, policy);
  let changes: Change[] = [];
  let notes = found.notes;
  for (const change of found.changes) {
    const stop = guard(change);
    if (stop) held.push({ agent: change.agent, would: change, ...stop });
    else changes.push(change);
  }
  if (policy.targets.length > 0) {
    const inScope = (x: { readonly agent: string | null }) =>
      x.agent === null || policy.targets.includes(x.agent);
    changes = changes.filter(inScope);
    held = held.filter(inScope);
    notes = notes.filter(inScope);
  }
  changes.sort((a, b) => compareText(a.agent, b.agent));
  held.sort((a, b) => compareText(a.agent, b.agent) || compareText(a.reason, b.reason));
  return {
    format: 1,
    at: now,
    revision: desired.revision,
    desiredHash: desired.hash,
    observedHash: observedHash(observed, policy.targets),
    changes,
    held,
    notes,
    totals: { wanted: desiredSize(desired), host: observed.host ?? null },
    counts: count(changes, held),
  };
}

/** A replacement whose image is not proven to be different: naming the agent approves it, whatever else differs. */
function unverified(found: Diff, allowDelete: readonly string[]): Diff {
  const released = found.held.flatMap((h) =>
    h.reason === "image-unknown" && h.would && allowDelete.includes(h.agent) ? [h.would] : [],
  );
  if (released.length === 0) return found;
  const names = new Set(released.map((c) => c.agent));
  return {
    ...found,
    changes: [...found.changes.filter((c) => !names.has(c.agent)), ...released],
    // Holds of the former instance do not matter to the new one.
    held: found.held.filter((h) => !names.has(h.agent)),
  };
}

/** A plan of one agent by name releases the holds that only wait for a person's request. */
function released(found: Diff, targets: readonly string[]): Diff {
  const asked = (h: Held) => h.reason === "drift-mode" && h.would !== null && targets.includes(h.agent);
  return {
    ...found,
    changes: [...found.changes, ...found.held.flatMap((h) => (asked(h) && h.would ? [h.would] : []))],
    held: found.held.filter((h) => !asked(h)),
  };
}

type Stop = { readonly reason: HoldReason; readonly message: string; readonly release: string };

function guards(
  found: Diff,
  desired: Desired,
  observed: Observed,
  policy: Policy,
): (change: Change) => Stop | null {
  const changing = new Set(found.changes.map((c) => c.agent));
  const agents = new Map(desired.agents.filter((a) => changing.has(a.name)).map((a) => [a.name, a]));
  const claims = new Map(observed.claims.filter((c) => changing.has(c.name)).map((c) => [c.name, c]));
  const named = new Set(policy.allowDelete);
  // Named deletions count too: naming one never makes room for another.
  const removals = found.changes.filter((c) => c.action === "destroy" && c.cause !== "interrupted");
  // An instance whose removal began counts as gone.
  const present = observed.claims.filter((c) => c.phase !== "removing").length;
  const room = limits(found, desired, observed);
  const { maxDeletes, prune } = desired.settings;

  return (change) => {
    const agent = agents.get(change.agent);
    const allow = `vm-agent apply --allow-delete ${change.agent}`;
    if (agent?.paused) {
      return {
        reason: "paused",
        message: "it is paused",
        release: `vm-agent resume ${change.agent}, or write paused: false`,
      };
    }
    const protectedNow =
      (agent?.protect ?? claims.get(change.agent)?.protect ?? false) && !named.has(change.agent);
    if (change.action === "destroy") {
      if (desired.guard && (desired.guard.reason !== "empty" || !named.has(change.agent)))
        return guarded(desired.guard, allow);
      if (change.cause === "interrupted") return null;
      if (protectedNow)
        return { reason: "protected", message: "it is protected (protect: true)", release: allow };
      if (named.has(change.agent)) return null;
      if (removals.length === present) {
        const which = removals.length === 1 ? "it" : `${removals.length} agents`;
        return {
          reason: "nothing-left",
          message: `removing ${which} would leave none`,
          release: removals.length === 1 ? allow : `${allow} (each by name)`,
        };
      }
      if (removals.length > maxDeletes) {
        return {
          reason: "max-deletes",
          message: `${removals.length} removals at once are more than maxDeletes: ${maxDeletes}`,
          release: `${allow} (each by name), or raise maxDeletes in kind: Fleet`,
        };
      }
      return policy.actor === "loop" && !prune ? pruneOff("its document is gone") : null;
    }
    if (change.action === "prune" && change.cause === "removed") {
      if (desired.guard) return guarded(desired.guard, "write the documents again");
      if (policy.actor === "loop" && !prune) return pruneOff(change.why.join("; "));
    }
    if (change.action === "restore") {
      // A change in flight passed this check when it began; interrupting it halfway helps no one.
      if (protectedNow && change.cause !== "interrupted")
        return {
          reason: "protected",
          message: "it is protected, and this takes its disk back",
          release: allow,
        };
    }
    // A replacement in flight passed this check when it began, and its instance is unusable already: it is finished.
    const begun = change.cause === "interrupted" && claims.get(change.agent)?.replacing === true;
    if (change.action === "replace") {
      if (protectedNow)
        return { reason: "protected", message: "it is protected, and this loses its data", release: allow };
      const written = agent?.provision.onChange === "replace" && onlyProvision(change);
      if (policy.actor === "loop" && !written && !begun) {
        return {
          reason: "data-loss",
          message: "this loses its disk and its snapshots",
          release: `vm-agent apply --target ${change.agent}`,
        };
      }
    }
    return room(change);
  };
}

const pruneOff = (what: string): Stop => ({
  reason: "prune-off",
  message: `${what}, and prune is off`,
  release: "vm-agent apply, or write prune: true in kind: Fleet",
});

const onlyProvision = (change: Change): boolean =>
  change.patch.every((op) => op.path !== "/image") && change.cause !== "interrupted";

function guarded(guard: NonNullable<Desired["guard"]>, allow: string): Stop {
  if (guard.reason === "empty")
    return {
      reason: "fleet-empty",
      message: guard.message,
      release: `${allow}, or write the documents again`,
    };
  return {
    reason: "fleet-invalid",
    message: guard.message,
    release: guard.release ?? "mend the fleet files; vm-agent validate shows where",
  };
}

/**
 * `limits` of kind: Fleet: creations and growth are admitted in order of name while the sum stays within the limits. A
 * shrinking instance counts at its old size until it has shrunk.
 */
function limits(found: Diff, desired: Desired, observed: Observed): (change: Change) => Stop | null {
  const limit = desired.settings.limits;
  const fields = (["cpu", "memory", "disk"] as const).filter((f) => limit[f] !== undefined);
  if (fields.length === 0) return () => null;
  const changes = new Map(found.changes.map((c) => [c.agent, c]));
  const claimed = new Set(observed.claims.map((c) => c.name));
  const seen = observed.instances;
  const sizes = new Map(seen.kind === "seen" ? seen.list.map((i) => [i.name, i.size]) : []);
  const used = { cpu: 0, memory: 0, disk: 0 };
  const demands: { readonly name: string; readonly more: Size }[] = [];
  for (const agent of [...desired.agents].sort((a, b) => compareText(a.name, b.name))) {
    const change = changes.get(agent.name);
    const more = { cpu: 0, memory: 0, disk: 0 };
    for (const f of ["cpu", "memory", "disk"] as const) {
      if (change?.action === "create") more[f] = agent.size[f];
      else if (claimed.has(agent.name)) {
        const now = sizes.get(agent.name)?.[f] ?? agent.size[f];
        more[f] = Math.max(0, (change?.after?.[f] ?? now) - now);
        used[f] += now;
      }
    }
    if (fields.some((f) => more[f] > 0)) demands.push({ name: agent.name, more });
  }
  const refused = new Map<string, Stop>();
  for (const { name, more } of demands) {
    const over = fields.find(
      (f) => more[f] > 0 && used[f] + more[f] > (limit[f] ?? Number.POSITIVE_INFINITY),
    );
    if (over) {
      refused.set(name, {
        reason: "limits",
        message: `${amount(over, more[over])} more would make ${amount(over, used[over] + more[over])}; limits.${over} of kind: Fleet is ${amount(over, limit[over] ?? 0)}`,
        release: `raise limits.${over}, or make this or another agent smaller`,
      });
    } else for (const f of fields) used[f] += more[f];
  }
  return (change) => refused.get(change.agent) ?? null;
}

const amount = (field: keyof Size, n: number): string => (field === "cpu" ? `${n} cpu` : bytes(n));

function sum(sizes: readonly Size[]): { cpu: number; memory: number; disk: number } {
  const total = { cpu: 0, memory: 0, disk: 0 };
  for (const size of sizes) {
    total.cpu += size.cpu;
    total.memory += size.memory;
    total.disk += size.disk;
  }
  return total;
}

/** The fleet's share of the host once it is in sync: cpu and memory of running instances, disk of all. */
function desiredSize(desired: Desired): Size {
  const running = sum(desired.agents.filter((a) => a.state === "running").map((a) => a.size));
  return { ...running, disk: sum(desired.agents.map((a) => a.size)).disk };
}

export function count(changes: readonly Change[], held: readonly Held[]): Counts {
  const counts = {
    create: 0,
    change: 0,
    destroy: 0,
    snapshot: 0,
    held: held.filter((h) => h.reason !== "waiting").length,
  };
  for (const change of changes) {
    counts.snapshot += change.snapshots.length;
    switch (change.action) {
      case "create":
        counts.create++;
        break;
      case "destroy":
        counts.destroy++;
        break;
      case "replace":
        counts.create++;
        counts.destroy++;
        break;
      case "snapshot":
        break;
      case "update":
      case "restart-update":
      case "start":
      case "stop":
      case "suspend":
      case "restore":
      case "prune":
        counts.change++;
        break;
      default: {
        const never: never = change.action;
        return never;
      }
    }
  }
  return counts;
}
