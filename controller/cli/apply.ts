/** `vm-agent apply`: shows the plan, asks, and has it done: by the loop that runs, or by one of its own for as long as it takes. */
import { createInterface } from "node:readline/promises";
import type { AnyEvent } from "../base/events.ts";
import { EXIT, VmAgentError } from "../base/errors.ts";
import type { Plan } from "../core/types.ts";
import type { Api } from "../../ui/client/api.ts";
import { type Planned, list, planNow, show } from "./plan.ts";
import { createProgress } from "./progress.ts";
import type { CommandRun, Invocation } from "./run.ts";
import { createSystem } from "./system.ts";
import { asked } from "./task.ts";
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
  const { settings, output, options } = invocation;
  const scope = { targets: list(options.target), allowDelete: list(options.allowDelete) };
  let found: Planned;
  let api: Api | null = null;
  {
    await using world = await openWorld(settings, { color: output.color, width: output.width });
    found = await planNow(world, scope);
    api = (await world.hub())?.api ?? null;
    if (!output.json) await show(invocation, world, found);
  }
  const { plan } = found;
  if (found.observed.instances.kind === "unobservable") return EXIT.unreachable;
  if (plan.changes.length === 0) return finish(invocation, { held: plan.counts.held, failed: [] }, plan);
  if (!options.yes) await confirm(invocation);
  const order: Order = { ...scope, changes: plan.changes.map(({ agent, action }) => ({ agent, action })) };
  const outcome = api ? await throughHub(invocation, api, order) : await byOurselves(invocation, order);
  return finish(invocation, outcome, plan);
};

function finish({ output }: Invocation, { held, failed }: Outcome, plan: Plan): number {
  if (output.json) output.out(JSON.stringify({ plan, held, failed }));
  if (failed.length > 0) {
    output.err(`${output.paint("bad", "failed:")} ${failed.join(", ")}`);
    return EXIT.failed;
  }
  return held > 0 ? EXIT.held : EXIT.done;
}

async function confirm({ output }: Invocation): Promise<void> {
  if (!process.stdin.isTTY || !output.isTTY) {
    throw new VmAgentError({
      code: "not-confirmed",
      message: "nobody can be asked here, because this is not a terminal",
      next: "look at the plan above, then run vm-agent apply --yes",
    });
  }
  const questions = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await questions
    .question("\nDo this? Only yes is taken as one: ")
    .finally(() => questions.close());
  if (answer.trim() === "yes") return;
  throw new VmAgentError({
    code: "not-confirmed",
    message: "nothing was done",
    next: "run vm-agent apply again when you want it",
  });
}

/** A loop runs already: it does the work, we watch. */
async function throughHub({ output }: Invocation, api: Api, order: Order): Promise<Outcome> {
  const progress = createProgress(output);
  const watching = new AbortController();
  const watch = (async () => {
    for await (const event of api.events("/events", null, watching.signal))
      progress.event(event.data as AnyEvent);
  })().catch(() => {});
  const before = await api.get<{ turns: number }>("/fleet");
  await asked(() => api.post("/apply", order));
  for (;;) {
    const now = await api.get<{
      turns: number;
      settled: boolean;
      held: number;
      failures: Readonly<Record<string, unknown>>;
    }>("/fleet");
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
async function byOurselves({ settings, output }: Invocation, order: Order): Promise<Outcome> {
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
    system.loop.restrict(order.targets);
    system.loop.start();
    system.loop.approve(order.changes, order.allowDelete);
    const turn = await system.loop.settled(stop.signal);
    const wanted = new Set(order.changes.map((c) => c.agent));
    const failed = [...system.loop.queue.failures().keys()].filter((name) => wanted.has(name));
    return { held: turn.plan.counts.held, failed };
  } finally {
    await system.stop();
    progress.close();
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}
