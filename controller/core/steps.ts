/** One change as the effects that bring it about, in order. Each is safe to repeat, so a crash between any two is harmless. */
import { mountsBeyond } from "./drift.ts";
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
  const create = [s("claim"), s("launch"), ready];
  const settled = change.after?.state ?? "running";
  const rest = settled === "stopped" ? [drain, stop] : settled === "suspended" ? [drain, suspend] : [];

  switch (change.action) {
    case "create":
      return [...create, ...mountSteps(change, s), ...rest, done];
    case "replace":
      return [...remove, ...create, ...mountSteps({ ...change, before: null }, s), ...rest, done];
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
      // What counts as converged is what the restore brought back, and that is written down with it.
      return inPlace(change, s, { start, stop, suspend, drain, ready });
    default: {
      const never: never = change.action;
      return never;
    }
  }
}

type MakeStep = (kind: Step["kind"], requires?: Step["requires"]) => Step;

/** Multipass records a mount of an instance that is off, and mounts it at the next start (CONTRACT section 11). */
const MOUNTABLE = ["Running", "Stopped", "Suspended"] as const satisfies readonly InstanceState[];

/** First what goes: a target is free then for another source. */
function mountSteps({ before, after }: Change, s: MakeStep): readonly Step[] {
  return [
    ...mountsBeyond(before?.mounts, after?.mounts).map((mount) => ({ ...s("unmount", MOUNTABLE), mount })),
    ...mountsBeyond(after?.mounts, before?.mounts).map((mount) => ({ ...s("mount", MOUNTABLE), mount })),
  ];
}

interface Parts {
  readonly start: Step;
  readonly stop: Step;
  readonly suspend: Step;
  readonly drain: Step;
  readonly ready: Step;
}

/** From the state seen to the state wanted, passing through Stopped where a size, a snapshot or a restore needs it. */
function inPlace(change: Change, s: MakeStep, parts: Parts): readonly Step[] {
  const { before, after, snapshots, removes = [], restore } = change;
  const list: Step[] = [];
  const resizes = (["cpu", "memory", "disk"] as const).filter(
    (f) => after?.[f] !== undefined && before?.[f] !== after[f],
  );
  const needsStopped =
    resizes.length + snapshots.length + removes.length > 0 ||
    restore !== undefined ||
    change.seen === "Unknown";
  const want = after?.state ?? "running";
  const mounts = mountSteps(change, s);
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
  // A creation that was interrupted may still be provisioning; it is not stopped in the middle of that.
  if (change.cause === "interrupted" && change.seen === "Running" && (needsStopped || want !== "running"))
    list.push(parts.ready);
  if (needsStopped) {
    goStopped();
    for (const field of resizes)
      list.push({ ...s("resize", ["Stopped"]), field, value: after?.[field] as number });
    for (const snapshot of snapshots) list.push({ ...s("snapshot", ["Stopped"]), snapshot });
    // After those that are taken: nothing old goes before its successor is there.
    for (const name of removes)
      list.push({ ...s("remove-snapshot", ["Stopped"]), snapshot: { name, comment: "" } });
    if (restore) list.push(...restoring(restore, s));
  }
  if (want === "stopped") {
    goStopped();
    return [...list, ...mounts];
  }
  if (want === "suspended") {
    // Where it is off, its guest need not answer.
    if (state === "suspended") return [...list, ...mounts];
    if (state === "stopped") list.push(...mounts, parts.start);
    else list.push(...mounts);
    return [...list, parts.drain, parts.suspend];
  }
  if (change.seen === "Delayed Shutdown" && !needsStopped) list.push(parts.start);
  goUp();
  list.push(parts.ready, ...mounts);
  if (before !== null && before.provision !== after?.provision) list.push(s("rerun", ["Running"]));
  return list;
}

/** The disk as it is now is kept first: going back is not the end of what was there. */
function restoring({ snapshot, token, safety }: Restore, s: MakeStep): readonly Step[] {
  const comment = `before going back to ${snapshot}`;
  return [
    { ...s("snapshot", ["Stopped"]), snapshot: { name: safety, comment, safety: true } },
    { ...s("restore", ["Stopped"]), restore: { snapshot, token } },
  ];
}
