/** An owned instance against its document: the one change that brings it in sync, and the held parts of it. */
import jsonpatch from "fast-json-patch";
import type { Cell } from "../actions.ts";
import type { AgentCase, AgentDiff } from "./agent-case.ts";
import { isRestorePending, restoreCase } from "./diff-restore.ts";
import { type SnapshotWork, snapshotWork } from "./diff-snapshots.ts";
import {
  HOW,
  type Field,
  desiredView,
  differing,
  isDesiredView,
  observedView,
  sameMounts,
  withField,
} from "./fields.ts";
import { at, consequences, insideOf, laterSnapshots, reasons, remarks, restoreReason } from "../reasons.ts";
import { bytes } from "../units.ts";
import { imageIs } from "./image-name.ts";
import { proves } from "../ownership.ts";
import type { Action, Cause, Change, Claim, ConvergedView, Held, HoldReason, Restore } from "../types.ts";

export type ExistingCell = Extract<Cell, "none" | "start" | "stop" | "suspend" | "recover">;

export function existing(c: AgentCase, cell: ExistingCell): AgentDiff {
  const { agent, instance, claim } = c;
  if (!instance || !claim) return { held: [], notes: [] };
  let before = observedView(agent, instance, claim, c.runtime);
  // Fast path of nearly all agents in nearly all turns; the code below would find the same, at four times the cost.
  if (
    cell === "none" &&
    c.snapshots.length === 0 &&
    c.made.length === 0 &&
    claim.phase !== "removing" &&
    claim.converged !== null &&
    isDesiredView(agent, before) &&
    mountsAreKnown(c, claim) &&
    !isRestorePending(c)
  )
    return { held: [], notes: remarks(c), asWritten: true };
  const target = desiredView(agent);
  if (claim.phase === "removing") {
    const change = build(c, "replace", before, target, "interrupted", [
      claim.replacing
        ? "its replacement was begun and interrupted"
        : "its removal was begun and interrupted, and its document is back",
    ]);
    return { change, held: [], notes: [] };
  }
  const going = restoreCase(c);
  if (going.restore)
    return { change: restoration(c, going.restore, going.begun, before), held: [], notes: remarks(c) };
  if (going.blocks) return { held: going.held, notes: remarks(c) };

  const held: Held[] = [...going.held];
  const kept = keptFields(c, claim, before, target, cell);
  let after = target;
  const replacement = () => ({
    ...build(c, "replace", before, target, "edited", reasons(c, cell, ["image"], "edited")),
    imageUnverified: true as const,
  });
  for (const { field, ...why } of kept) {
    const would = why.reason === "image-unknown" ? replacement() : null;
    held.push({ agent: agent.name, would, ...why });
    // For mounts that cannot be read, the last reading counts.
    if (field === "mounts" && claim.converged) before = withField(before, field, claim.converged);
    after = withField(after, field, before);
  }
  const mode = agent.drift.mode;
  // Provisioning that was interrupted during a rerun is no drift.
  const isCut = claim.provisionHash === "";
  const unconverged = new Set(kept.map((k) => k.field));
  if (before.image === target.image) unconverged.add("image");
  const drifted = !isCut && isDrift(claim, target, unconverged);
  for (const field of differing(before, after))
    if (drifted && agent.drift.ignore.includes(`/${field}`)) before = withField(before, field, after);
  const fields = differing(before, after);
  const work = snapshotWork(c);
  held.push(...work.held);
  // An agent that never converged has a change even without a difference: its runtime is waited for, and that is
  // recorded.
  if (cell === "none" && fields.length === 0 && work.take.length === 0 && claim.converged !== null) {
    const change = pruning(c, work, before, after);
    return { ...(change && { change }), held, notes: remarks(c), asWritten: held.length === 0 };
  }

  const action = actionOf(c, cell, fields, work.take.length > 0);
  // A replacement launches the declared image, so a replacement for another reason waits for the comparison too.
  if (action === "replace" && unconverged.has("image") && before.image !== target.image)
    return { held, notes: remarks(c) };
  const cause: Cause =
    drifted && (cell !== "none" || fields.length > 0)
      ? "drift"
      : claim.converged && !isCut
        ? "edited"
        : "interrupted";
  const why = action === "snapshot" ? work.why : reasons(c, cell, fields, cause, action === "restart-update");
  const settling = cause === "interrupted" && c.is === "Running" && isOnline(c);
  const change: Change = {
    // A new instance is made from the whole document: holds of the former one do not matter.
    ...build(c, action, before, action === "replace" ? target : after, cause, why),
    ...(settling && { settling }),
    snapshots: action === "replace" ? [] : work.take,
    ...(work.removes.length > 0 && action !== "replace" && { removes: work.removes, keeps: work.keeps }),
  };
  if (cause === "drift" && mode !== "correct") {
    if (mode === "warn") held.push(driftHeld(change));
    return { held, notes: remarks(c) };
  }
  const moot = new Set(action === "replace" ? kept.map((k) => k.message) : []);
  return { change, held: held.filter((h) => !moot.has(h.message)), notes: remarks(c) };
}

interface Kept extends Pick<Held, "reason" | "message" | "release"> {
  readonly field: Field;
}

/** Fields that are held, each with its reason and unblock. */
function keptFields(
  c: AgentCase,
  claim: Claim,
  before: ConvergedView,
  after: ConvergedView,
  cell: ExistingCell,
): readonly Kept[] {
  const { agent } = c;
  const kept: Kept[] = [];
  const keep = (field: Field, reason: HoldReason, message: string, release: string) =>
    kept.push({ field, reason, message, release });
  if (before.image !== after.image && imageIs(agent, claim.image, c.instance) !== "other")
    kept.push(keptImage(c, claim));
  if ((after.disk ?? 0) < (before.disk ?? 0)) {
    const now = bytes(before.disk ?? 0);
    keep(
      "disk",
      "impossible",
      `disk ${now} cannot shrink to ${bytes(after.disk ?? 0)} (${at(agent)})`,
      `write disk: ${now}, or replace the agent: remove its document, apply, and add it again`,
    );
  }
  if (after.provision !== before.provision && agent.provision.onChange === "hold")
    keep(
      "provision",
      "data-loss",
      `the provision block changed after the instance was made (${at(agent)})`,
      "write provision.onChange: rerun to run it again inside, replace to recreate the instance (its disk is lost), or undo the edit",
    );
  if (after.provision !== before.provision && agent.provision.onChange === "rerun" && !mayRerun(c, cell))
    keep(
      "provision",
      "not-ready",
      `the provision block changed (${at(agent)}), and is run again inside`,
      agent.state === "running"
        ? "nothing to do, it is done once its runtime is online"
        : "write state: running; it is done once it runs",
    );
  if (!mountsAreKnown(c, claim))
    keep(
      "mounts",
      "not-ready",
      `its mounts changed (${at(agent)}), and cannot be looked at: it is ${c.is}, and its runtime is silent`,
      "nothing to do, it is done once its runtime is online or it is stopped",
    );
  return kept;
}

/** A replacement loses the disk, so an image counts as different only where that is proven. */
function keptImage({ agent, instance }: AgentCase, claim: Claim): Kept {
  const names = `image ${nameOf(agent.image)} (${at(agent)}) and ${nameOf(claim.image)}, which it was made from`;
  const reading = instance?.image?.wanted === (agent.image ?? null) ? instance.image : undefined;
  if (!reading)
    return {
      field: "image",
      reason: "waiting",
      message: `whether ${names}, are the same image is being looked up`,
      release: "nothing to do, it is looked at again",
    };
  return {
    field: "image",
    reason: "image-unknown",
    message: `whether ${names}, are the same image is not known: ${reading.why}`,
    release: `${reading.next}; to replace it all the same (its disk and snapshots are lost): vm-agent apply --allow-delete ${agent.name}`,
  };
}

const nameOf = (image: string | null | undefined): string =>
  image == null ? "(Multipass's default)" : `"${image}"`;

const isOnline = ({ claim, runtime }: AgentCase): boolean =>
  runtime?.status === "online" && claim !== undefined && proves(claim, runtime);

/** It runs, or will on the way; an offline runtime is not asked for anything. */
const mayRerun = (c: AgentCase, cell: ExistingCell): boolean =>
  c.agent.state === "running" && (cell !== "none" || c.claim?.converged === null || isOnline(c));

/**
 * `info` looks into a running guest, so it is only called for one that answers; until then mount edits are not decided.
 */
const mountsAreKnown = ({ agent, instance }: AgentCase, claim: Claim): boolean =>
  instance?.mounts !== undefined ||
  claim.converged === null ||
  sameMounts(claim.converged.mounts, agent.mounts);

function restoration(c: AgentCase, restore: Restore, begun: boolean, before: ConvergedView): Change {
  // Size, mounts and provisioning return with the snapshot; the next refresh shows the differences.
  const after = { ...before, state: c.agent.state };
  const why = restoreReason(c.agent, restore, begun);
  return {
    ...build(c, "restore", before, after, begun ? "interrupted" : "edited", [why], restore),
    restore,
  };
}

function pruning(
  c: AgentCase,
  work: SnapshotWork,
  before: ConvergedView,
  after: ConvergedView,
): Change | undefined {
  const beyond = work.removes.length > 0;
  const removes = beyond || c.guarded ? work.removes : work.orphans;
  if (removes.length === 0) return undefined;
  const why = beyond
    ? "the schedule keeps fewer"
    : `${removes.length > 1 ? "the documents they were" : "the document it was"} made for ${removes.length > 1 ? "are" : "is"} gone`;
  return {
    ...build(c, "prune", before, after, beyond ? "edited" : "removed", [why]),
    removes,
    ...(beyond && { keeps: work.keeps }),
  };
}

export const driftHeld = (change: Change): Held => ({
  agent: change.agent,
  reason: "drift-mode",
  would: change,
  message: `${change.why.join("; ")}; drift.mode is warn`,
  release: `vm-agent apply --target ${change.agent}, or write drift.mode: correct`,
});

/** Drift: the fleet was not edited since it last converged, and something differs. What is held has not converged. */
function isDrift(claim: Claim, target: ConvergedView, held: ReadonlySet<Field>): boolean {
  const last = claim.converged;
  return last !== null && last.state === target.state && differing(last, target).every((f) => held.has(f));
}

function actionOf(
  { agent, instance }: AgentCase,
  cell: ExistingCell,
  fields: readonly Field[],
  snapshot: boolean,
): Action {
  const replaces = agent.provision.onChange === "replace";
  if (fields.some((f) => HOW[f].how === "replace" || (HOW[f].how === "on-change" && replaces)))
    return "replace";
  const needsStop = fields.some((f) => HOW[f].how === "stopped" || HOW[f].how === "grow");
  // A recovered instance is Stopped (CONTRACT section 9).
  const stopped = instance?.state === "Stopped" || instance?.state === "Deleted";
  const onTheWay = fields.length > 0 && cell === "none" && snapshot;
  if ((needsStop || onTheWay) && !stopped && cell !== "stop") return "restart-update";
  if (cell === "recover")
    return agent.state === "running" ? "start" : agent.state === "suspended" ? "suspend" : "update";
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
  restore?: Restore,
): Change {
  return {
    agent: c.agent.name,
    action,
    patch: jsonpatch.compare(before, after),
    before,
    after,
    cause,
    why,
    consequences: [
      ...consequences(c, action, restore),
      ...(action === "replace" || c.claim?.converged === null ? laterSnapshots(c) : []),
    ],
    ...(action === "replace" && insideOf(c.agent)),
    snapshots: [],
    waitsFor: [],
    seen: c.instance?.state ?? null,
    source: c.agent.source,
  };
}
