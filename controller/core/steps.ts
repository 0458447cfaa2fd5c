/** One change as the effects that bring it about, in order. Each is safe to repeat, so a crash between any two is harmless. */
import type { Change, InstanceState, Step } from "./types.ts";

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
      return [...create, ...rest, done];
    case "replace":
      return [...remove, ...create, ...rest, done];
    case "destroy":
      return remove;
    case "update":
    case "restart-update":
    case "start":
    case "stop":
    case "suspend":
    case "snapshot":
      return [...inPlace(change, s, { start, stop, suspend, drain, ready }), done];
    case "restore":
      return [];
    default: {
      const never: never = change.action;
      return never;
    }
  }
}

interface Parts {
  readonly start: Step;
  readonly stop: Step;
  readonly suspend: Step;
  readonly drain: Step;
  readonly ready: Step;
}

/** From the state seen to the state wanted, passing through Stopped where a size or a snapshot needs it. */
function inPlace(
  change: Change,
  s: (kind: Step["kind"], requires?: Step["requires"]) => Step,
  parts: Parts,
): readonly Step[] {
  const { agent, before, after, snapshots } = change;
  const list: Step[] = [];
  const resizes = (["cpu", "memory", "disk"] as const).filter(
    (f) => after?.[f] !== undefined && before?.[f] !== after[f],
  );
  const needsStopped = resizes.length > 0 || snapshots.length > 0 || change.seen === "Unknown";
  const want = after?.state ?? "running";
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
    for (const snapshot of snapshots) list.push({ ...s("snapshot", ["Stopped"]), agent, snapshot });
  }
  if (want === "stopped") goStopped();
  else {
    if (change.seen === "Delayed Shutdown" && !needsStopped) list.push(parts.start);
    if (want === "running" || state !== "suspended") goUp();
    if (want === "running") list.push(parts.ready);
    else if (state !== "suspended") list.push(parts.drain, parts.suspend);
  }
  return list;
}
