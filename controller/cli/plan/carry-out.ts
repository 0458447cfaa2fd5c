/** Applies changes by the running loop, or by a temporary one, and reports the result. */
import type { AnyEvent } from "../../base/events.ts";
import { systemClock } from "../../base/clock.ts";
import { isDumb, type Settings, trustOf } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { endProcess, onSignals } from "../../base/process/process-end.ts";
import { provisionFailure } from "../../core/provisioning.ts";
import type { Action, Change, Desired, Observed, Plan, Turn } from "../../core/types.ts";
import { readFleetInGit } from "../../fleet/git/reader.ts";
import type { Api } from "../../../ui/client/api.ts";
import { withCliErrors } from "../cli-errors.ts";
import type { Output } from "../output/output.ts";
import { createLiveProgress } from "../output/live-progress.ts";
import { type Progress, createProgress } from "../output/progress.ts";
import { Patience, patienceMs } from "./patience.ts";
import { type System, createSystem } from "../system/system.ts";
import { waiting } from "../output/waiting.ts";

export interface Order {
  /** The approved changes. */
  readonly changes: readonly { readonly agent: string; readonly action: Action }[];
  /** Instance names; empty: all. */
  readonly targets: readonly string[];
  readonly allowDelete: readonly string[];
}

export interface HeldItem {
  readonly agent: string;
  readonly reason: string;
  readonly message: string;
  readonly release: string;
  readonly would: { readonly action: Action } | null;
}

export interface Outcome {
  readonly held: readonly HeldItem[];
  readonly failed: readonly string[];
  /** Changes that still wait, for something that does not come by itself or did not come in time. */
  readonly undone: readonly string[];
  /** By agent: the failure, or what it waits for. */
  readonly why: Readonly<Record<string, string>>;
}

export const NOTHING: Outcome = { held: [], failed: [], undone: [], why: {} };

interface Options {
  readonly settings: Settings;
  readonly output: Output;
  /** For the lock and the audit. */
  readonly command: string;
}

/** How long the fleet files may keep changing between the readings of the loop and of this command. Milliseconds. */
const READ_MS = 60_000;
const POLL_MS = 200;
const EXIT_INTERRUPTED = 130;

/**
 * A loop runs already: it applies, we watch. `prepare` is called when the stream is open, so that no step is missed.
 * The loop has to have read the new files by then: while it still wants an instance, the approval of its removal is
 * void, and an earlier fleet would count as settled.
 */
export async function applyViaHub(
  { settings, output }: Options,
  api: Api,
  prepare: () => Promise<Order>,
): Promise<Outcome> {
  let order: Order | null = null;
  const said = new Map<string, string>();
  const progress = progressOf(output, {
    wants: (agent) => order === null || concerns(order, agent),
    said: (agent) => said.get(agent) ?? "",
    hint: "Ctrl-C: leave; the loop goes on with it",
  });
  // An agent whose document was just removed is held until its approval arrives; final holds are printed at the end.
  const held = new Map<string, AnyEvent>();
  const isToGo = (name: string) =>
    order?.changes.some(({ agent, action }) => agent === name && action === "destroy") ?? false;
  const watching = new AbortController();
  const { promise: watched, resolve: isWatched } = Promise.withResolvers<void>();
  const watch = (async () => {
    for await (const { event, data } of api.events(api.eventsPath(), null, watching.signal)) {
      isWatched();
      const reported = { name: event, at: (data as { readonly at: number }).at, data } as AnyEvent;
      if (reported.name === "agent.held" && isToGo(reported.data.agent))
        held.set(reported.data.agent, reported);
      else progress.event(reported);
    }
  })()
    .catch(() => {})
    .finally(isWatched);
  const leave = () => {
    progress.close();
    output.err("the loop goes on with it by itself; vm-agent list shows how far it is");
    void endProcess(EXIT_INTERRUPTED);
  };
  using _signals = onSignals(["SIGINT", "SIGTERM"], leave);
  try {
    await watched;
    order = await prepare();
    await untilRead(settings, api);
    const before = await api.getFleet();
    await withCliErrors(() => api.apply(order as Order));
    const patience = new Patience(patienceMs(process.env), progress.note);
    const outcome = await untilDone(api, order, before.turns, said, patience);
    for (const { agent } of outcome.held) {
      const event = held.get(agent);
      if (event) progress.event(event);
    }
    return outcome;
  } finally {
    watching.abort();
    await watch;
    progress.close();
  }
}

const concerns = ({ targets }: Pick<Order, "targets">, agent: string): boolean =>
  targets.length === 0 || agent === "" || targets.includes(agent);

async function untilRead(settings: Settings, api: Api): Promise<void> {
  const end = systemClock.now() + READ_MS;
  for (;;) {
    // The loop is asked to read the files: a watcher may be late, or miss a change.
    await withCliErrors(() => api.reconcile([], true));
    const { read } = await readFleetInGit(settings.fleet, trustOf(settings));
    const plan = await withCliErrors(() => api.getPlan());
    // Different: the files are being edited.
    if (plan !== null && read.ok && plan.desiredHash === read.desired.hash) return;
    if (systemClock.now() > end)
      throw new VmAgentError({
        code: "not-seen",
        message: `it is written, but the loop that runs works on another fleet than what ${settings.fleet} says`,
        next: "vm-agent list shows which fleet it works on, and what is wrong with it",
      });
    await systemClock.sleep(POLL_MS);
  }
}

async function untilDone(
  api: Api,
  order: Order,
  turns: number,
  said: Map<string, string>,
  patience: Patience,
): Promise<Outcome> {
  for (;;) {
    const now = await withCliErrors(() => api.getFleet());
    for (const { name, work } of now.agents) said.set(name, work?.progress ?? "");
    if (now.turns > turns + 1) {
      const { targets } = order;
      const mine = now.agents.filter((a) => concerns(order, a.name));
      const failures = Object.entries(now.failures).filter(([name]) => concerns(order, name));
      const failed = failures.map(([name]) => name);
      // With targets, other agents need not be waited for.
      const inFlight = now.agents.some((a) => targets.includes(a.name) && a.work !== null);
      const plan = await withCliErrors(() => api.getPlan());
      const open = left(plan, order).filter((name) => !failed.includes(name));
      const waits = (plan?.held ?? []).filter((h) => h.reason === "waiting" && concerns(order, h.agent));
      const held = heldOf(plan, order);
      const isGiveUp = patience.isOver(
        {
          fresh: mine.some((a) => a.work !== null && !failed.includes(a.name)),
          open: new Map([
            ...open.map((name) => [name, notBegun(plan, name)] as const),
            ...waits.map((h) => [h.agent, h.message] as const),
            ...failures.flatMap(([name, f]) =>
              f.retryAt === null ? [] : [[name, `it is tried again: ${f.message}`] as const],
            ),
          ]),
        },
        systemClock.now(),
      );
      if (isGiveUp || now.settled || (targets.length > 0 && !inFlight)) {
        // An approved change that has not begun is shown as held in a plan that knows of no approval.
        const isGiven = held.some((h) => order.changes.some((c) => isSame(c, h)));
        const isOver =
          isGiveUp ||
          now.settled ||
          (open.length === 0 &&
            waits.length === 0 &&
            !isGiven &&
            failures.every(([, { retryAt }]) => retryAt === null));
        const unprovisioned = mine.flatMap(({ name, wanted, conditions }) => {
          const found = conditions.find((c) => c.type === "Ready" && c.reason === "ProvisionFailed");
          return found && wanted === "running" ? [[name, found.message] as const] : [];
        });
        if (isOver)
          return {
            held,
            failed: [...new Set([...failed, ...unprovisioned.map(([name]) => name)])],
            undone: [...new Set([...open, ...waits.map((h) => h.agent)])],
            why: Object.fromEntries([
              ...waits.map((h) => [h.agent, h.message]),
              ...failures.map(([name, f]) => [name, f.message]),
              ...unprovisioned,
            ]),
          };
      }
    }
    await systemClock.sleep(POLL_MS);
  }
}

const heldOf = (plan: Plan | null, order: Order): readonly HeldItem[] =>
  (plan?.held ?? []).filter((h) => h.reason !== "waiting" && concerns(order, h.agent));

/** The hold is this change. */
export const isSame = (change: Order["changes"][number], { agent, would }: HeldItem): boolean =>
  change.agent === agent && change.action === would?.action;

const left = (plan: Plan | null, order: Order): readonly string[] =>
  (plan?.changes ?? []).map((c) => c.agent).filter((name) => concerns(order, name));

function notBegun(plan: Plan | null, name: string): string {
  const until = plan?.changes.find((c) => c.agent === name)?.waitsUntil;
  return until === undefined ? "not begun" : `begun once ${until}`;
}

/** No hub runs: starts one, converges, and stops it. `exactly`: these changes and no others. */
export async function applyLocally(
  { settings, output, command }: Options,
  order: Order,
  exactly: readonly Change[] | null,
): Promise<Outcome> {
  const system = await waiting(process.stderr, "a hub of its own to be there", () =>
    createSystem(settings, {
      command,
      env: process.env,
      watch: false,
      onError: (e) => output.err(String(e)),
    }),
  );
  const progress = progressOf(output, {
    wants: (agent) => concerns(order, agent),
    said: (agent) => system.loop.inFlight.get(agent)?.progress ?? "",
    hint: "Ctrl-C: finish the running steps, then stop",
  });
  const over = new Set<string>();
  const unsubscribe = system.bus.onAny((event) => {
    progress.event(event);
    if (event.name === "agent.converged") over.add(event.data.agent);
  });
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) {
      progress.close();
      void endProcess(EXIT_INTERRUPTED);
      return;
    }
    progress.note(
      "finishing the running steps; again to stop at once (safe: the next start goes on from there)",
    );
    stop.abort(new Error("stopped, as asked"));
  };
  using _signals = onSignals(["SIGINT", "SIGTERM"], onSignal);
  try {
    system.loop.scope.restrict(order.targets);
    if (exactly) system.loop.scope.restrictTo(exactly);
    // Before the first turn, which would report the approved changes as held.
    await system.loop.approve(order.changes, order.allowDelete);
    system.loop.start();
    const { plan, observed } = await settledInTime(system, order, stop.signal, progress.note);
    const failures = [...system.loop.queue.failures()].filter(([name]) => concerns(order, name));
    const failed = failures.map(([name]) => name);
    const unprovisioned = provisionFailures(observed, system.source.current().desired, order);
    const moved = system.loop.scope.undone.filter((name) => !failed.includes(name));
    for (const name of moved)
      output.err(`${name}: not done, because something else than what was saved is to be done now`);
    const undone = exactly ? [] : left(plan, order).filter((name) => !failed.includes(name));
    const waits = plan.held.filter((h) => h.reason === "waiting" && concerns(order, h.agent));
    return {
      held: heldOf(plan, order),
      failed: [...new Set([...failed, ...moved, ...unprovisioned.keys()])],
      undone: [...new Set([...undone, ...waits.map((h) => h.agent)])],
      why: Object.fromEntries([
        ...waits.map((h) => [h.agent, h.message]),
        ...failures.map(([name, f]) => [name, f.message]),
        ...unprovisioned,
      ]),
    };
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    // Running steps end first: their result counts.
    await system.loop.stop();
    progress.close();
    throw interrupted(order, over);
  } finally {
    await system.loop.stop();
    // After an approval the rest is shown, and needs another approval.
    await system.loop.withdrawApprovals([...order.changes.map((c) => c.agent), ...order.allowDelete]);
    await system.stop();
    unsubscribe();
    progress.close();
  }
}

/** The turn at which the loop settled, or the last one when only waits were left at the deadline. */
async function settledInTime(
  { loop }: System,
  order: Order,
  stop: AbortSignal,
  note: (text: string) => void,
): Promise<Turn> {
  const patience = new Patience(patienceMs(process.env), note);
  const late = new AbortController();
  const look = () => {
    const failures = [...loop.queue.failures()].filter(([name]) => concerns(order, name));
    const inFlight = [...loop.inFlight.keys()].filter((name) => concerns(order, name));
    const fresh = inFlight.some((name) => loop.queue.failure(name) === undefined);
    const plan = loop.last?.plan;
    const waits = (plan?.held ?? []).filter((h) => h.reason === "waiting" && concerns(order, h.agent));
    const open = new Map([
      ...left(plan ?? null, order).map((name) => [name, notBegun(plan ?? null, name)] as const),
      ...waits.map((h) => [h.agent, h.message] as const),
      ...failures.flatMap(([name, f]) =>
        Number.isFinite(f.retryAt) ? [[name, `it is tried again: ${f.message}`] as const] : [],
      ),
    ]);
    if (patience.isOver({ fresh: fresh || plan === undefined, open }, systemClock.now())) late.abort();
  };
  const timer = setInterval(look, POLL_MS);
  try {
    return await loop.settled(AbortSignal.any([stop, late.signal]));
  } catch (error) {
    if (!late.signal.aborted || !loop.last || stop.aborted) throw error;
    return loop.last;
  } finally {
    clearInterval(timer);
  }
}

/** Failed provisioning of agents that are meant to run. */
export function provisionFailures(
  { runtimes }: Pick<Observed, "runtimes">,
  desired: Desired | null,
  order: Pick<Order, "targets">,
): ReadonlyMap<string, string> {
  const readings = new Map(runtimes.map((r) => [r.agent, r]));
  const failed = new Map<string, string>();
  for (const agent of desired?.agents ?? []) {
    const line = provisionFailure(readings.get(agent.name), agent);
    if (line !== null && agent.state === "running" && concerns(order, agent.name))
      failed.set(agent.name, line);
  }
  return failed;
}

/** Results by name. */
export function interrupted({ changes, targets }: Order, over: ReadonlySet<string>): VmAgentError {
  const names = [...new Set(changes.length > 0 ? changes.map((c) => c.agent) : targets)].sort();
  const done = names.filter((name) => over.has(name));
  const open = names.filter((name) => !over.has(name));
  const reported = [
    ...(done.length > 0 ? [`done: ${done.join(", ")}`] : []),
    ...(open.length > 0 ? [`not done, or not all of it: ${open.join(", ")}`] : []),
  ];
  return new VmAgentError({
    code: "interrupted",
    message: ["stopped, as asked", reported.join("; ")].filter((text) => text !== "").join("; "),
    next: "vm-agent apply goes on from here",
    exit: EXIT_INTERRUPTED,
  });
}

function progressOf(
  output: Output,
  live: {
    readonly wants: (agent: string) => boolean;
    readonly said: (agent: string) => string;
    readonly hint: string;
  },
): Progress {
  if (!output.isTTY || output.json || isDumb(process.env))
    return createProgress(output, live.wants, live.said);
  return createLiveProgress({
    ...live,
    output,
    write: (text) => void process.stdout.write(text),
    now: systemClock.now,
    // A terminal of unknown size reports 0.
    columns: () => process.stdout.columns || output.width,
  });
}

/** Prints the remaining changes with their reasons; decides the exit code. */
export function exitOf({ output }: Pick<Options, "output">, { failed, held, undone, why }: Outcome): number {
  const lines = (names: readonly string[]) =>
    names.map((name) => (why[name] === undefined ? name : `${name} (${why[name]})`)).join(", ");
  if (failed.length > 0) output.err(`${output.paint("bad", "failed:")} ${lines(failed)}`);
  if (undone.length > 0)
    output.err(
      `${output.paint("warn", "waits:")} ${lines(undone)}; ${undone.length === 1 ? `vm-agent why ${undone[0]} says` : "vm-agent plan says"} for what`,
    );
  if (failed.length > 0) return EXIT.failed;
  return held.length + undone.length > 0 ? EXIT.held : EXIT.done;
}
