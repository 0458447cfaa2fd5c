/** `vm-agent apply`: shows the plan, asks, and applies it: by the running loop, or by a temporary one. */
import { EXIT, VmAgentError } from "../../base/errors.ts";
import type { Plan } from "../../core/types.ts";
import type { Api } from "../../../ui/client/api.ts";
import { confirm } from "../output/confirm.ts";
import type { Output } from "../output/output.ts";
import { type Planned, type Scope, list, planNow, show } from "./plan-now.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { type SavedPlan, readSavedPlan, stillTrue } from "./saved-plan.ts";
import {
  NOTHING,
  type Order,
  type Outcome,
  applyLocally,
  exitOf,
  isSame,
  provisionFailures,
  applyViaHub,
} from "./carry-out.ts";
import { openContext } from "../system/command-context.ts";

export const apply: CommandRun = async (invocation) => {
  const { settings, output, args, options: flags } = invocation;
  const typed = { targets: list(flags.target), allowDelete: list(flags.allowDelete) };
  const file = args[0] ?? null;
  const saved = file === null ? null : savedPlan(file, typed);
  let found: Planned;
  let api: Api | null = null;
  {
    await using world = await openContext(settings, { color: output.color, width: output.width });
    found = await planNow(world, saved?.saved ?? typed);
    // An unobservable world is shown, not compared.
    if (saved && file !== null && found.observed.instances.kind === "seen")
      found = { ...found, plan: { ...saved, changes: stillTrue(saved, found, file) } };
    api = (await world.hub())?.api ?? null;
    if (!output.json && !flags.quiet) await show(invocation, world, found);
  }
  const { plan, scope } = found;
  if (found.observed.instances.kind === "unobservable") {
    if (output.json) asValue(output, { ...NOTHING, held: plan.held }, plan);
    return EXIT.unreachable;
  }
  // Changes in flight are waited for, too.
  if (plan.changes.length === 0 && found.work.length === 0) {
    const held = plan.held.filter((h) => h.reason !== "waiting");
    const failed = provisionFailures(found.observed, found.desired, scope);
    const outcome = { ...NOTHING, held, failed: [...failed.keys()], why: Object.fromEntries(failed) };
    return finish(invocation, outcome, plan);
  }
  if (!flags.yes && plan.changes.length > 0)
    await confirm(output, "Do this?", `vm-agent apply${file === null ? "" : ` ${file}`}`);
  const changes = plan.changes.map(({ agent, action }) => ({ agent, action }));
  const targets = saved ? changes.map((c) => c.agent) : scope.targets;
  const order: Order = { ...scope, targets, changes };
  // A saved plan is exactly these changes.
  const exactly = saved ? plan.changes : null;
  const options = { settings, output, command: "vm-agent apply" };
  const outcome = api
    ? await applyViaHub(options, api, async () => order)
    : await applyLocally(options, order, exactly);
  return finish(invocation, outcome, plan);
};

function savedPlan(file: string, typed: Scope): SavedPlan {
  if (typed.targets.length === 0 && typed.allowDelete.length === 0) return readSavedPlan(file);
  throw new VmAgentError({
    code: "usage",
    message: "a saved plan says itself for which agents it is and what it may delete",
    next: `vm-agent apply ${file}, or make another: vm-agent plan -o ${file} with --target or --allow-delete`,
    exit: EXIT.usage,
  });
}

function finish(invocation: Invocation, outcome: Outcome, plan: Plan): number {
  const { output, options } = invocation;
  const { held } = outcome;
  if (output.json) asValue(output, outcome, plan);
  const exit = exitOf(invocation, outcome);
  if (output.json || options.quiet || plan.changes.length === 0) return exit;
  const { failed } = outcome;
  const counts = `${failed.length > 0 ? `${failed.length} failed, ` : ""}${held.length} held`;
  output.out(
    `\nApplied ${applied(outcome, plan)} of ${plan.changes.length} changes, ${counts}. ${next(outcome)}`,
  );
  return exit;
}

function applied({ held, failed, undone }: Outcome, { changes }: Plan): number {
  const open = new Set([...failed, ...undone]);
  return changes.filter((c) => !open.has(c.agent) && !held.some((h) => isSame(c, h))).length;
}

const asValue = (output: Output, outcome: Outcome, plan: Plan): void =>
  output.out(JSON.stringify({ plan, applied: applied(outcome, plan), ...outcome }));

function next({ held, failed, undone }: Outcome): string {
  const [first] = [...failed, ...undone];
  if (first !== undefined) return `Next: vm-agent why ${first}`;
  if (held.length > 0) return "Next: vm-agent plan says what releases what is held";
  return "Next: vm-agent up keeps it so, and gives agents their tasks";
}
