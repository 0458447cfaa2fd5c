/** One change as an ordered list of effects. Each is safe to repeat, so a crash between any two is harmless. */
import { mountsBeyond } from "./diff/fields.ts";
import type { Change, InstanceState, Restore, Step } from "./types.ts";

const SEEN_UP = ["Running", "Delayed Shutdown"] as const satisfies readonly InstanceState[];

export function steps(change: Change): readonly Step[] {
  const { agent } = change;
  const s = (
    kind: Step["kind"],
    requires: Step["requires"] = [],
    satisfied: Step["satisfied"] = [],
  ): Step => ({ kind, agent, requires, satisfied });
  const start = s("start", ["Stopped", "Suspended", "Delayed Shutdown"], ["Running"]);
  const stop = s("stop", change.seen === "Unknown" ? [...SEEN_UP, "Unknown"] : SEEN_UP, ["Stopped"]);
  const suspend = s("suspend", ["Running"], ["Suspended"]);
  const drain = s("drain");
  const ready = s("await-ready");
  const done = s("converged");
  const remove = [
    drain,
    s("revoke"),
    s("remove", [...SEEN_UP, "Stopped", "Suspended", "Starting", "Deleted", "Unknown"], ["absent"]),
    s("forget"),
  ];
  // Observed once more: the planning refresh, or a removal before this step, may be minutes old.
  const create = [s("claim", ["absent"]), s("launch"), ready];
  const settled = change.after?.state ?? "running";
  const rest = settled === "stopped" ? [drain, stop] : settled === "suspended" ? [drain, suspend] : [];

  switch (change.action) {
    case "create":
      return [...create, ...mountSteps(change, s, "Running"), ...rest, done];
    case "replace":
      return [
        ...remove.map((step) => (step.kind === "revoke" ? { ...step, ...imageOf(change) } : step)),
        ...create,
        ...mountSteps({ ...change, before: null }, s, "Running"),
        ...rest,
        done,
      ];
    case "destroy":
      return remove;
    case "update":
    case "restart-update":
    case "start":
    case "stop":
    case "suspend":
    case "snapshot":
    case "prune":
      return [...inPlace(change, s, { start, stop, suspend, drain, ready }), done];
    case "restore":
      // The restored state counts as converged, and is recorded with the restore.
      return inPlace(change, s, { start, stop, suspend, drain, ready });
    default: {
      const never: never = change.action;
      return never;
    }
  }
}

/** Checked again before the first step that cannot be undone. A change in flight is past it. */
function imageOf({ patch, cause, after, imageUnverified }: Change): Pick<Step, "image"> {
  const another = cause !== "interrupted" && patch.some((op) => op.path === "/image");
  return another ? { image: { wanted: after?.image ?? null, unverified: imageUnverified === true } } : {};
}

type MakeStep = (kind: Step["kind"], requires?: Step["requires"]) => Step;

/**
 * Unmounts come first, so that a target is free for another source. While stopped, Multipass records a mount and
 * applies it at the next start (CONTRACT section 11); a running guest is mounted by ssh, so only after its runtime has
 * answered.
 */
function mountSteps(
  { before, after }: Change,
  s: MakeStep,
  state: "Running" | "Stopped" | "Suspended",
): readonly Step[] {
  const gone = mountsBeyond(before?.mounts, after?.mounts);
  const added = mountsBeyond(after?.mounts, before?.mounts);
  return [
    ...gone.map((mount) => ({ ...s("unmount", [state]), mount })),
    ...added.map((mount) => ({ ...s("mount", [state]), mount })),
  ];
}

interface Parts {
  readonly start: Step;
  readonly stop: Step;
  readonly suspend: Step;
  readonly drain: Step;
  readonly ready: Step;
}

/**
 * From the observed state to the desired one, passing through Stopped where a size, a snapshot or a restore needs it.
 */
function inPlace(change: Change, s: MakeStep, parts: Parts): readonly Step[] {
  const { before, after, snapshots, removes = [], keeps = [], restore } = change;
  const list: Step[] = [];
  const resizes = (["cpu", "memory", "disk"] as const).filter(
    (f) => after?.[f] !== undefined && before?.[f] !== after[f],
  );
  const needsStopped =
    resizes.length + snapshots.length + removes.length > 0 ||
    restore !== undefined ||
    change.seen === "Unknown";
  const want = after?.state ?? "running";
  const mounts = (where: Parameters<typeof mountSteps>[2]) => mountSteps(change, s, where);
  let state: "up" | "stopped" | "suspended" = "up";
  if (change.seen === "Deleted") {
    list.push(s("recover", ["Deleted"]));
    state = "stopped";
  } else if (change.seen === "Stopped") state = "stopped";
  else if (change.seen === "Suspended") state = "suspended";

  const goUp = () => {
    if (state !== "up") list.push(parts.start);
    state = "up";
  };
  const goStopped = () => {
    if (state === "suspended") goUp();
    if (state === "up") list.push(parts.drain, parts.stop);
    state = "stopped";
  };
  // An interrupted creation may still be provisioning; it is not stopped halfway.
  if (change.settling && (needsStopped || want !== "running")) list.push(parts.ready);
  if (needsStopped) {
    goStopped();
    for (const field of resizes)
      list.push({ ...s("resize", ["Stopped"]), field, value: after?.[field] as number });
    for (const snapshot of snapshots) list.push({ ...s("snapshot", ["Stopped"]), snapshot });
    // After those that are taken: no snapshot is removed before its successor exists.
    for (const name of removes)
      list.push({ ...s("remove-snapshot", ["Stopped"]), snapshot: { name, comment: "", keeps } });
    if (restore) list.push(...restoring(restore, s));
  }
  if (want === "stopped") {
    goStopped();
    return [...list, ...mounts("Stopped")];
  }
  const cancelled = change.seen === "Delayed Shutdown" && !needsStopped ? [parts.start] : [];
  if (want === "suspended") {
    if (state === "suspended") return [...list, ...mounts("Suspended")];
    if (state === "stopped") list.push(...mounts("Stopped"), parts.start);
    else {
      const live = mounts("Running");
      list.push(...cancelled, ...(live.length > 0 ? [parts.ready, ...live] : []));
    }
    return [...list, parts.drain, parts.suspend];
  }
  list.push(...cancelled);
  goUp();
  list.push(parts.ready, ...mounts("Running"));
  if (before !== null && before.provision !== after?.provision) list.push(s("rerun", ["Running"]));
  return list;
}

/** The current disk is kept in a snapshot first, so that a restore loses no data. */
function restoring({ snapshot, token, safety }: Restore, s: MakeStep): readonly Step[] {
  const comment = `before going back to ${snapshot}`;
  return [
    { ...s("snapshot", ["Stopped"]), snapshot: { name: safety, comment, safety: true } },
    { ...s("restore", ["Stopped"]), restore: { snapshot, token } },
  ];
}
