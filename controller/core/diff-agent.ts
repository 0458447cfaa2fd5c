/** One agent that a document wants: the difference between what is written and what is seen, as one change. */
import jsonpatch from "fast-json-patch";
import { type Cell, type Is, type Ownership, cellOf } from "./actions.ts";
import type { Note } from "./diff.ts";
import { HOW, type Field, desiredView, differing, isDesiredView, observedView } from "./drift.ts";
import { at, consequences, notSupported, reasons } from "./explain-change.ts";
import { missingSnapshots } from "./diff-snapshots.ts";
import { bytes } from "./explain-values.ts";
import { proves } from "./ownership.ts";
import type {
  Action,
  Cause,
  Change,
  Claim,
  ConvergedView,
  DesiredAgent,
  DesiredSnapshot,
  Held,
  HoldReason,
  ObservedInstance,
  RuntimeReading,
} from "./types.ts";

export interface AgentCase {
  readonly agent: DesiredAgent;
  readonly is: Is;
  readonly ownership: Ownership;
  readonly instance?: ObservedInstance;
  readonly claim?: Claim;
  readonly runtime?: RuntimeReading;
  readonly snapshots: readonly DesiredSnapshot[];
  readonly unobservable: string | null;
  /** The instance was ours and disappeared behind our back. */
  readonly vanished: boolean;
  /** A boot that we began a short while ago: `Unknown` is normal. */
  readonly booting: boolean;
}

export interface AgentDiff {
  readonly change?: Change;
  readonly held: readonly Held[];
  readonly notes: readonly Note[];
  /** True: looked at, and as written. */
  readonly asWritten?: boolean;
}

export function diffAgent(c: AgentCase): AgentDiff {
  const { agent } = c;
  const cell = cellOf(c.ownership, agent.state, c.is);
  const hold = (reason: HoldReason, message: string, release: string): AgentDiff => ({
    held: [{ agent: agent.name, reason, would: null, message, release }],
    notes: [],
  });
  switch (cell) {
    case "create": {
      const change = creation(c);
      const notes = notSupported(agent, c.snapshots);
      if (change.cause !== "drift" || agent.drift.mode === "correct") return { change, held: [], notes };
      return { held: agent.drift.mode === "warn" ? [driftHeld(change)] : [], notes };
    }
    case "none":
    case "start":
    case "stop":
    case "suspend":
    case "recover":
      return existing(c, cell);
    case "settle":
      if (c.booting) return hold("waiting", "it is booting", "nothing to do, it is looked at again");
      return unknown(c, hold);
    case "wait":
      return hold("waiting", `it is ${c.is}`, "nothing to do, it is looked at again");
    case "adopt":
      if (c.booting)
        return hold(
          "waiting",
          "launched; its runtime has not said hello yet",
          "nothing to do, it is looked at again",
        );
      return hold(
        "unproven",
        "an instance of this name is there, and its runtime has not proven that we launched it",
        `if it is not yours to keep: multipass delete --purge ${agent.name}; else start it and see its log: vm-agent logs ${agent.name} --direct`,
      );
    case "hold-foreign":
      return hold(
        "foreign",
        `an instance "${agent.name}" exists that vm-agent did not create (${c.is})`,
        "choose another name in the document, or delete that instance yourself",
      );
    case "hold-deleted":
      return hold(
        "deleted-elsewhere",
        `a deleted instance holds the name "${agent.name}"`,
        `multipass recover ${agent.name}, or multipass delete --purge ${agent.name}`,
      );
    case "hold-unobservable":
      return hold(
        "unobservable",
        `nothing can be seen: ${c.unobservable}`,
        "repair Multipass; work goes on by itself",
      );
    case "hold-unavailable":
      return hold("unobservable", "its availability zone is unavailable", "enable the zone in Multipass");
    case "destroy":
    case "forget":
    case "ignore":
      return { held: [], notes: [] };
    default: {
      const never: never = cell;
      return never;
    }
  }
}

function creation(c: AgentCase): Change {
  const after = desiredView(c.agent);
  const why = c.vanished
    ? "drift: its instance is gone, and nobody edited the fleet"
    : c.claim
      ? "its launch was begun and no instance of this name is there"
      : `${at(c.agent)} is new`;
  return {
    agent: c.agent.name,
    action: "create",
    patch: jsonpatch.compare({}, after),
    before: null,
    after,
    cause: c.vanished ? "drift" : c.claim ? "interrupted" : "new",
    why: [why],
    consequences: [],
    snapshots: [],
    waitsFor: [],
    seen: null,
    source: c.agent.source,
  };
}

function existing(c: AgentCase, cell: "none" | "start" | "stop" | "suspend" | "recover"): AgentDiff {
  const { agent, instance, claim } = c;
  if (!instance || !claim) return { held: [], notes: [] };
  const held: Held[] = [];
  let before = observedView(agent, instance, claim, c.runtime);
  // The way of nearly all agents in nearly all turns; what follows would find the same, at four times the cost.
  if (
    cell === "none" &&
    c.snapshots.length === 0 &&
    claim.phase !== "removing" &&
    claim.converged !== null &&
    isDesiredView(agent, before)
  )
    return { held: [], notes: notSupported(agent, c.snapshots), asWritten: true };
  const target = desiredView(agent);
  let after = target;
  const kept = new Set<Field>();
  const keep = (field: Field, reason: HoldReason, message: string, release: string) => {
    held.push({ agent: agent.name, reason, would: null, message, release });
    kept.add(field);
    after = { ...after, [field]: before[field] };
  };

  if (claim.phase === "removing") {
    const change = build(c, "replace", before, after, "interrupted", [
      "its removal was begun and interrupted, and its document is back",
    ]);
    return { change, held, notes: [] };
  }
  if ((after.disk ?? 0) < (before.disk ?? 0)) {
    keep(
      "disk",
      "impossible",
      `disk ${bytes(before.disk ?? 0)} cannot shrink to ${bytes(after.disk ?? 0)} (${at(agent)})`,
      `write disk: ${bytes(before.disk ?? 0)}, or replace the agent: remove its document, apply, and add it again`,
    );
  }
  if (after.provision !== before.provision && agent.provision.onChange !== "replace") {
    const rerun = agent.provision.onChange === "rerun";
    keep(
      "provision",
      rerun ? "not-supported" : "data-loss",
      `the provision block changed after the instance was made (${at(agent)})${rerun ? "; running it again is not supported yet" : ""}`,
      "write provision.onChange: replace to have the instance made anew (its disk is lost), or undo the edit",
    );
  }
  const mode = agent.drift.mode;
  const drifted = isDrift(claim, target, kept);
  for (const field of differing(before, after)) {
    if (drifted && agent.drift.ignore.includes(`/${field}`)) before = { ...before, [field]: after[field] };
  }
  const fields = differing(before, after);
  const missing = missingSnapshots(c);
  held.push(...missing.held);
  // One that was never converged has a change even when nothing differs: its runtime is waited for, and that is recorded.
  if (cell === "none" && fields.length === 0 && missing.take.length === 0 && claim.converged !== null)
    return { held, notes: notSupported(agent, c.snapshots), asWritten: held.length === 0 };

  const action = actionOf(cell, fields, instance, agent.state, missing.take.length > 0);
  const cause: Cause =
    drifted && (cell !== "none" || fields.length > 0) ? "drift" : claim.converged ? "edited" : "interrupted";
  const why =
    action === "snapshot"
      ? missing.take.map((t) => `snapshot "${t.name}" is written and does not exist`)
      : reasons(c, cell, fields, cause);
  const change = { ...build(c, action, before, after, cause, why), snapshots: missing.take };
  if (cause === "drift" && mode !== "correct") {
    if (mode === "warn") held.push(driftHeld(change));
    return { held, notes: notSupported(agent, c.snapshots) };
  }
  return { change, held, notes: notSupported(agent, c.snapshots) };
}

const driftHeld = (change: Change): Held => ({
  agent: change.agent,
  reason: "drift-mode",
  would: change,
  message: `${change.why.join("; ")}; drift.mode is warn`,
  release: `vm-agent apply --target ${change.agent}, or write drift.mode: correct`,
});

/** `Unknown` proves nothing (SPEC section 3): the runtime's own heartbeat tells a deaf Multipass from a dead instance. */
function unknown(
  c: AgentCase,
  hold: (reason: HoldReason, message: string, release: string) => AgentDiff,
): AgentDiff {
  const force = `multipass stop --force ${c.agent.name}; the loop starts it again`;
  if (c.runtime?.status !== "online" || !c.claim || !proves(c.claim, c.runtime))
    return hold("unknown-state", "Multipass shows it as Unknown and its runtime is silent", force);
  const found = existing(c, "none");
  // A launch that timed out leaves its instance Unknown for good, however well it came up; a clean stop is the way out, and
  // works once the guest is up (CONTRACT section 5). Ours by its nonce, up by its heartbeat, and nothing of anybody's in it yet.
  if (c.claim.converged === null && found.change) {
    const why = [
      "its launch timed out and Multipass lost track of it; its runtime answers, so it is stopped and started once",
    ];
    return { ...found, change: { ...found.change, action: "restart-update", cause: "interrupted", why } };
  }
  if (c.agent.state === "running" && !found.change) return { held: found.held, notes: found.notes };
  return hold(
    "unknown-state",
    "the instance is fine, its runtime answers; Multipass shows it as Unknown, so nothing is changed",
    `wait until Multipass sees it again, or ${force}`,
  );
}

/** Drift: nobody edited the fleet since it was last converged, and yet something differs. What is held was not converged. */
function isDrift(claim: Claim, target: ConvergedView, held: ReadonlySet<Field>): boolean {
  const last = claim.converged;
  return last !== null && last.state === target.state && differing(last, target).every((f) => held.has(f));
}

function actionOf(
  cell: Cell,
  fields: readonly Field[],
  instance: ObservedInstance,
  wanted: DesiredAgent["state"],
  snapshot: boolean,
): Action {
  if (fields.some((f) => HOW[f].how === "replace" || HOW[f].how === "on-change")) return "replace";
  const needsStop = fields.some((f) => HOW[f].how === "stopped" || HOW[f].how === "grow");
  // A recovered instance is Stopped (CONTRACT section 9).
  const stopped = instance.state === "Stopped" || instance.state === "Deleted";
  const onTheWay = fields.length > 0 && cell === "none" && snapshot;
  if ((needsStop || onTheWay) && !stopped && cell !== "stop") return "restart-update";
  if (cell === "recover")
    return wanted === "running" ? "start" : wanted === "suspended" ? "suspend" : "update";
  if (cell === "start") return "start";
  if (cell === "stop") return "stop";
  if (cell === "suspend") return "suspend";
  if (fields.length > 0) return "update";
  return snapshot ? "snapshot" : "update";
}

function build(
  c: AgentCase,
  action: Action,
  before: ConvergedView,
  after: ConvergedView,
  cause: Cause,
  why: readonly string[],
): Change {
  return {
    agent: c.agent.name,
    action,
    patch: jsonpatch.compare(before, after),
    before,
    after,
    cause,
    why,
    consequences: consequences(c, action),
    snapshots: [],
    waitsFor: [],
    seen: c.instance?.state ?? null,
    source: c.agent.source,
  };
}
