/** `vm-agent drift`: shows differences that no edit made. Read-only. */
import { EXIT } from "../../base/errors.ts";
import { bytes } from "../../core/units.ts";
import type { Change, Held, Plan } from "../../core/types.ts";
import { takePrefetched } from "../system/prefetch.ts";
import { type Output, table } from "../output/output.ts";
import { heading, planNow } from "./plan-now.ts";
import type { CommandRun } from "../command-spec.ts";

export interface Drifted {
  readonly agent: string;
  readonly change: Change;
  /** Why it is not corrected automatically; null: the loop corrects it. */
  readonly held: Pick<Held, "reason" | "message" | "release"> | null;
}

/** All items of a plan that are caused by drift, including vanished instances. */
export function driftOf(plan: Plan): readonly Drifted[] {
  const mended = plan.changes.map((change): Drifted => ({ agent: change.agent, change, held: null }));
  const held = plan.held.flatMap(({ agent, would, reason, message, release }): readonly Drifted[] =>
    would ? [{ agent, change: would, held: { reason, message, release } }] : [],
  );
  return [...mended, ...held]
    .filter((d) => d.change.cause === "drift")
    .sort((a, b) => (a.agent < b.agent ? -1 : 1));
}

export const drift: CommandRun = async (invocation) => {
  const { settings, output } = invocation;
  const { world: opened, early } = await takePrefetched(settings);
  await using world = opened;
  // As the loop decides: holds that a person's request would release are included.
  const found = await planNow(world, { targets: [], allowDelete: [], actor: "loop", early });
  const seen = found.observed.instances;
  const unobservable = seen.kind === "unobservable" ? seen.reason : null;
  const drifted = unobservable === null ? driftOf(found.plan) : [];
  if (output.json) output.out(JSON.stringify({ unobservable, drifted }, null, 2));
  else {
    await heading(invocation, world, found);
    if (unobservable !== null) output.out(`Nothing can be compared: ${unobservable}`);
    else print(drifted, output);
  }
  if (unobservable !== null) return EXIT.unreachable;
  return drifted.length > 0 ? EXIT.differs : EXIT.done;
};

function print(drifted: readonly Drifted[], output: Output): void {
  if (drifted.length === 0) {
    output.out(output.paint("good", "No drift."));
    return;
  }
  const rows = drifted.map(({ agent, change, held }) => [
    `${output.paint("warn", "≠")} ${output.paint("strong", agent)}`,
    fieldsOf(change),
    output.paint(
      "dim",
      held ? `${held.message}; ${held.release}` : "the loop, or vm-agent apply, corrects it",
    ),
  ]);
  output.out(table(rows));
  const count = drifted.length === 1 ? "1 agent differs" : `${drifted.length} agents differ`;
  output.out(`\n${output.paint("strong", `${count} from the last converged state without an edit.`)}`);
}

/** `state is stopped, desired running`. */
function fieldsOf({ seen, patch, before, after }: Change): string {
  if (seen === null) return "its instance is gone";
  const text = (value: unknown) => (typeof value === "number" && value > 4096 ? bytes(value) : String(value));
  const fields = (["state", "cpu", "memory", "disk"] as const).filter((f) => before?.[f] !== after?.[f]);
  if (fields.length === 0) return patch.map((op) => `${op.path.slice(1)} differs`).join(", ");
  return fields.map((f) => `${f} is ${text(before?.[f])}, desired ${text(after?.[f])}`).join("; ");
}
