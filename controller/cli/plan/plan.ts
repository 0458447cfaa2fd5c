/** `vm-agent plan`: shows what apply would do; read-only. */
import { EXIT } from "../../base/errors.ts";
import { takePrefetched } from "../system/prefetch.ts";
import type { Planned } from "./plan-now.ts";
import type { CommandRun } from "../command-spec.ts";

/** In a plan's own format: changes in flight are a note. */
const withWork = ({ plan, work }: Planned) => ({
  ...plan,
  notes: [
    ...plan.notes,
    ...work.map(({ agent, doing }) => ({ agent, message: `the loop is at work on it: ${doing}` })),
  ],
});

export const plan: CommandRun = async (invocation) => {
  const { settings, output, options } = invocation;
  const { world: opened, early } = await takePrefetched(settings);
  await using world = opened;
  // What only the plan needs is loaded while Multipass is being asked.
  const { list, planNow, show } = await import("./plan-now.ts");
  const found = await planNow(world, {
    targets: list(options.target),
    allowDelete: list(options.allowDelete),
    early,
  });
  if (output.json) output.out(JSON.stringify(withWork(found), null, 2));
  else await show(invocation, world, found);
  if (found.observed.instances.kind === "unobservable") {
    if (options.out)
      output.err(`${output.paint("warn", "warning:")} nothing can be seen, so no plan is saved`);
    return EXIT.unreachable;
  }
  if (typeof options.out === "string") {
    const { writeSavedPlan } = await import("./saved-plan.ts");
    writeSavedPlan(options.out, found);
    if (!output.json)
      output.out(`\nSaved. vm-agent apply ${options.out} does exactly this, if nothing moved by then.`);
  }
  if (!options.detailedExitcode) return EXIT.done;
  if (found.plan.changes.length + found.work.length > 0) return EXIT.differs;
  return found.plan.counts.held > 0 ? EXIT.held : EXIT.done;
};
