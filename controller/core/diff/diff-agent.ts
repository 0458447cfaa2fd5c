/** One declared agent: the difference between desired and observed, as one change. */
import jsonpatch from "fast-json-patch";
import { type Is, cellOf } from "../actions.ts";
import { driftHeld, existing } from "./diff-existing.ts";
import type { AgentCase, AgentDiff } from "./agent-case.ts";
import { desiredView } from "./fields.ts";
import { at, insideOf, laterSnapshots, remarks } from "../reasons.ts";
import { proves } from "../ownership.ts";
import { startByHand } from "../start-by-hand.ts";
import type { Change, HoldReason } from "../types.ts";

/**
 * Message and unblock of an instance that a launch of ours may have left, in a state in which no runtime can prove it.
 */
export const silentWords = (name: string, is: Is): readonly [message: string, release: string] => [
  `a launch of "${name}" was begun and cut off, and nothing proves that the instance of this name came from it: it is ${is}, and only a running one can prove itself`,
  `vm-agent multipass start ${name}, so that its runtime can prove itself; to remove it: vm-agent multipass delete --purge ${name}`,
];

/** The driver's advice, or a general one. */
export const repair = (unobservable: AgentCase["unobservable"]): string =>
  unobservable?.next
    ? `${unobservable.next}; work goes on by itself`
    : "repair Multipass; work goes on by itself";

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
      const notes = remarks(c);
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
        `if it is not yours to keep: vm-agent multipass delete --purge ${agent.name}; else ${startByHand(agent.name, c.is)}, and see its log: vm-agent logs ${agent.name} --direct`,
      );
    case "hold-unproven":
      return hold("unproven", ...silentWords(agent.name, c.is));
    case "hold-foreign":
      return hold(
        "foreign",
        `an instance "${agent.name}" exists that vm-agent did not create (${c.is})`,
        `choose another name in the document; or remove the document and run vm-agent import ${agent.name}, which takes the instance over as it is`,
      );
    case "hold-deleted":
      return hold(
        "deleted-elsewhere",
        `a deleted instance holds the name "${agent.name}"`,
        `vm-agent multipass recover ${agent.name}, or vm-agent multipass delete --purge ${agent.name}`,
      );
    case "hold-unobservable":
      return hold("unobservable", `nothing can be seen: ${c.unobservable?.reason}`, repair(c.unobservable));
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
    ? "drift: its instance is gone, and the fleet was not edited"
    : c.claim
      ? "its launch was begun and no instance of this name is there"
      : `${at(c.agent)} is new${c.agent.profile === undefined ? "" : `, with profile ${c.agent.profile}`}`;
  return {
    agent: c.agent.name,
    action: "create",
    patch: jsonpatch.compare({}, after),
    before: null,
    after,
    cause: c.vanished ? "drift" : c.claim ? "interrupted" : "new",
    why: [why],
    consequences: laterSnapshots(c),
    snapshots: [],
    ...insideOf(c.agent),
    waitsFor: [],
    seen: null,
    source: c.agent.source,
  };
}

/**
 * `Unknown` proves nothing (SPEC section 3): the runtime's own heartbeat distinguishes an unresponsive Multipass from a
 * dead instance.
 */
function unknown(
  c: AgentCase,
  hold: (reason: HoldReason, message: string, release: string) => AgentDiff,
): AgentDiff {
  const force = startByHand(c.agent.name, "Unknown");
  if (c.runtime?.status !== "online" || !c.claim || !proves(c.claim, c.runtime))
    return hold("unknown-state", "Multipass shows it as Unknown and its runtime is silent", force);
  const found = existing(c, "none");
  // A launch that timed out leaves its instance Unknown for good, even when it came up; a clean stop fixes that, and
  // works once the guest is up (CONTRACT section 5). The nonce proves ownership, the heartbeat that it is up, and no
  // tasks have run yet.
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
    `wait until Multipass sees it again, or: ${force}`,
  );
}
