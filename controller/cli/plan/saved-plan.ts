/** A saved plan: created by `plan -o`, and applied only if fleet and world are unchanged since. */
import { isDeepStrictEqual } from "node:util";
import { checkPlan } from "../../../schemas/validate-plan.ts";
import { VmAgentError } from "../../base/errors.ts";
import { readPlainFile } from "../../base/plain-file.ts";
import type { Change, Plan, SavedScope } from "../../core/types.ts";
import { ourInstances } from "../../core/world-hash.ts";
import { replaceFile } from "../edits/files.ts";
import { shownPath } from "../output/output.ts";
import type { Planned } from "./plan-now.ts";

export type SavedPlan = Plan & { readonly saved: SavedScope };

/** The format that this version writes and reads. */
const FORMAT: Plan["format"] = 1;
/** Enough for plans of thousands of agents. */
const MAX_PLAN_BYTES = 64 * 1024 * 1024;

export function writeSavedPlan(path: string, { plan, observed, scope }: Planned): SavedPlan {
  const value: SavedPlan = { ...plan, saved: { ...scope, seen: ourInstances(observed, scope.targets) } };
  const [problem] = checkPlan(JSON.parse(JSON.stringify(value)));
  if (problem) throw new Error(`the plan is not as its schema says: ${problem.pointer} ${problem.message}`);
  replaceFile(path, `${JSON.stringify(value, null, 2)}\n`);
  return value;
}

/** Throws `plan-unreadable` or `plan-invalid`, each problem with file, path, finding and allowed values. */
export function readSavedPlan(path: string): SavedPlan {
  const file = shownPath(path);
  let value: unknown;
  try {
    value = JSON.parse(readPlainFile(path, MAX_PLAN_BYTES).toString("utf8"));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new VmAgentError({
      code: "plan-unreadable",
      message: missing ? `there is no file ${file}` : `${file} is not a plan: ${(error as Error).message}`,
      next: `make one: vm-agent plan -o ${file}`,
      cause: error,
    });
  }
  const { format } = (value ?? {}) as { readonly format?: unknown };
  if (typeof format === "number" && format !== FORMAT) {
    throw invalid(file, [
      `${file}:/format is ${format}; allowed: ${FORMAT}. It comes from another version of vm-agent`,
    ]);
  }
  const problems = checkPlan(value).map(
    (p) => `${file}:${p.pointer || "/"} ${p.message}${p.suggestion ? `; ${p.suggestion}` : ""}`,
  );
  if (problems.length > 0) throw invalid(file, problems);
  const plan = value as Plan;
  if (!plan.saved)
    throw invalid(file, [`${file}:/saved is missing; it is written by plan -o, not by plan --json`]);
  return plan as SavedPlan;
}

const invalid = (file: string, problems: readonly string[]): VmAgentError =>
  new VmAgentError({
    code: "plan-invalid",
    message: problems.join("\n       "),
    next: `create it again: vm-agent plan -o ${file}`,
  });

/** The saved changes for the current world; throws `plan-stale` with everything that changed. */
export function stillTrue(saved: SavedPlan, now: Planned, path: string): readonly Change[] {
  const moved = [...fleetMoved(saved, now), ...worldMoved(saved, now)];
  const reasons = moved.length > 0 ? moved : changesMoved(saved, now);
  if (reasons.length === 0) {
    const names = new Set(saved.changes.map((c) => c.agent));
    return now.plan.changes.filter((c) => names.has(c.agent));
  }
  const file = shownPath(path);
  throw new VmAgentError({
    code: "plan-stale",
    message: `${file} is not applied, because this moved since it was made:\n       ${reasons.join("\n       ")}`,
    next: `look at a new one, then apply that: vm-agent plan -o ${file}`,
  });
}

function fleetMoved(saved: SavedPlan, { desired }: Planned): readonly string[] {
  if (saved.desiredHash === desired.hash) return [];
  const at = (hash: string, revision: string | null) =>
    `${hash.slice(0, 12)}${revision ? ` at ${revision}` : ""}`;
  return [
    `the fleet files: their hash was ${at(saved.desiredHash, saved.revision)} and is ${at(desired.hash, desired.revision)}`,
  ];
}

function worldMoved({ saved, observedHash }: SavedPlan, { plan, observed }: Planned): readonly string[] {
  if (observedHash === plan.observedHash) return [];
  const before = new Map(saved.seen.map((i) => [i.name, i.state]));
  const after = new Map(ourInstances(observed, saved.targets).map((i) => [i.name, i.state]));
  const reasons = [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((name) => {
    const was = before.get(name);
    const is = after.get(name);
    if (was === is) return [];
    if (was === undefined) return [`${name} was not one of ours and is now (${is ?? "absent"})`];
    if (is === undefined) return [`${name} was ${was ?? "absent"} and is not one of ours any more`];
    return [`${name} was ${was ?? "absent"} and is ${is ?? "absent"}`];
  });
  return reasons.length > 0 ? reasons : ["an instance was recreated under the same name"];
}

/** How a plan of now would differ: a size changed by hand, a name taken by another instance. */
function changesMoved(saved: SavedPlan, { plan }: Planned): readonly string[] {
  const now = new Map(plan.changes.map((c) => [c.agent, c]));
  return saved.changes.flatMap((change) => {
    const { agent, action } = change;
    const current = now.get(agent);
    if (current && isDeepStrictEqual(essence(current), essence(change))) return [];
    if (current?.action === action) return [`${agent}: ${action} would change other fields than it said`];
    if (current) return [`${agent}: to be done was ${action}, and is ${current.action}`];
    const held = plan.held.find((h) => h.agent === agent);
    return [
      held ? `${agent}: ${action} is held now: ${held.message}` : `${agent}: there is nothing to do any more`,
    ];
  });
}

/** The change without reasons, cost and waits. */
function essence(change: Change): unknown {
  const {
    why: _why,
    consequences: _costs,
    waitsFor: _waits,
    waitsUntil: _until,
    cause: _cause,
    source: _source,
    ...done
  } = change;
  return JSON.parse(JSON.stringify(done));
}
