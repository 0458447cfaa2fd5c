/** `vm-agent apply`: shows the plan, asks, and has it done: by the loop that runs, or by one of its own for as long as it takes. */
import type { AnyEvent } from "../base/events.ts";
import { EXIT, VmAgentError } from "../base/errors.ts";
import type { Change, Plan } from "../core/types.ts";
import type { Api } from "../../ui/client/api.ts";
import { confirm } from "./confirm.ts";
import { type Planned, type Scope, list, planNow, show } from "./plan-now.ts";
import { createProgress } from "./progress.ts";
import type { CommandRun, Invocation } from "./run.ts";
import { type SavedPlan, readSavedPlan, stillTrue } from "./saved-plan.ts";
import { createSystem } from "./system.ts";
import { asked } from "./asked.ts";
import { openWorld } from "./world.ts";

interface Order {
  readonly changes: readonly { readonly agent: string; readonly action: Plan["changes"][number]["action"] }[];
  readonly targets: readonly string[];
  readonly allowDelete: readonly string[];
}

interface Outcome {
  readonly held: number;
  readonly failed: readonly string[];
}

export const apply: CommandRun = async (invocation) => {
  const { settings, output, options, args } = invocation;
  const typed = { targets: list(options.target), allowDelete: list(options.allowDelete) };
  const file = args[0] ?? null;
  const saved = file === null ? null : savedPlan(file, typed);
  let found: Planned;
  let api: Api | null = null;
  {
    await using world = await openWorld(settings, { color: output.color, width: output.width });
    found = await planNow(world, saved?.saved ?? typed);
    // What cannot be seen is shown, not compared.
    if (saved && file !== null && found.observed.instances.kind === "seen")
      found = { ...found, plan: { ...saved, changes: stillTrue(saved, found, file) } };
    api = (await world.hub())?.api ?? null;
    if (!output.json && !options.quiet) await show(invocation, world, found);
  }
  const { plan, scope } = found;
  if (found.observed.instances.kind === "unobservable") return EXIT.unreachable;
  if (plan.changes.length === 0) return finish(invocation, { held: plan.counts.held, failed: [] }, plan);
  if (!options.yes) await confirm(output, "Do this?", `vm-agent apply${file === null ? "" : ` ${file}`}`);
  const changes = plan.changes.map(({ agent, action }) => ({ agent, action }));
  const targets = saved ? changes.map((c) => c.agent) : scope.targets;
  const order: Order = { ...scope, targets, changes };
  // A saved plan is these changes and nothing beside them.
  const exactly = saved ? plan.changes : null;
  const outcome = api
    ? await throughHub(invocation, api, order)
    : await byOurselves(invocation, order, exactly);
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

function finish({ output }: Invocation, { held, failed }: Outcome, plan: Plan): number {
  if (output.json) output.out(JSON.stringify({ plan, held, failed }));
  if (failed.length > 0) {
    output.err(`${output.paint("bad", "failed:")} ${failed.join(", ")}`);
    return EXIT.failed;
  }
  return held > 0 ? EXIT.held : EXIT.done;
}

/** A loop runs already: it does the work, we watch. */
async function throughHub({ output }: Invocation, api: Api, order: Order): Promise<Outcome> {
  const progress = createProgress(output);
  const watching = new AbortController();
  const { promise: watched, resolve: isWatched } = Promise.withResolvers<void>();
  const watch = (async () => {
    for await (const { event, data } of api.events(api.eventsPath(), null, watching.signal)) {
      isWatched();
      progress.event({ name: event, at: (data as { readonly at: number }).at, data } as AnyEvent);
    }
  })()
    .catch(() => {})
    .finally(isWatched);
  // The order goes out when the stream stands, so that not even the first step is missed.
  await watched;
  const before = await api.getFleet();
  await asked(() => api.apply(order));
  for (;;) {
    const now = await api.getFleet();
    if (now.settled && now.turns > before.turns + 1) {
      watching.abort();
      await watch;
      progress.close();
      return { held: now.held, failed: Object.keys(now.failures) };
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** No hub runs: bring one up, converge, and close it again. */
async function byOurselves(
  { settings, output }: Invocation,
  order: Order,
  exactly: readonly Change[] | null,
): Promise<Outcome> {
  const system = await createSystem(settings, {
    command: "vm-agent apply",
    env: process.env,
    watch: false,
    onError: (e) => output.err(String(e)),
  });
  const progress = createProgress(output);
  system.bus.onAny((event) => progress.event(event));
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(130);
    output.err(
      "finishing the running steps; again to stop at once (safe: the next start goes on from there)",
    );
    stop.abort(
      new VmAgentError({
        code: "interrupted",
        message: "stopped, as asked",
        next: "vm-agent apply goes on from here",
        exit: 130,
      }),
    );
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    system.loop.scope.restrict(order.targets);
    if (exactly) system.loop.scope.restrictTo(exactly);
    system.loop.start();
    system.loop.approve(order.changes, order.allowDelete);
    const turn = await system.loop.settled(stop.signal);
    const wanted = new Set(order.changes.map((c) => c.agent));
    const failed = [...system.loop.queue.failures().keys()].filter((name) => wanted.has(name));
    const moved = system.loop.scope.undone.filter((name) => !failed.includes(name));
    for (const name of moved)
      output.err(`${name}: not done, because something else than what was saved is to be done now`);
    return { held: turn.plan.counts.held, failed: [...failed, ...moved] };
  } finally {
    await system.stop();
    progress.close();
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}
