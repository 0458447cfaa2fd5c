/** Computes the plan of apply from the files on disk and an observation; and prints it. */
import { relative } from "node:path";
import { type Settings, bootGraceOf, trustOf } from "../../base/env.ts";
import { systemClock } from "../../base/clock.ts";
import { type Line, type InFlightText, explain } from "../../views/explain.ts";
import { withHolds, withoutInFlight } from "../../core/holds.ts";
import { makePlan } from "../../core/plan.ts";
import type { Desired, Held, Observed, Plan } from "../../core/types.ts";
import { allowedWords } from "../../fleet/trust.ts";
import { observe } from "../../observe/observe.ts";
import { type InstanceList, withListed } from "../system/instance-list.ts";
import { resolveNames } from "../names.ts";
import { type Output, painted } from "../output/output.ts";
import { planHeading } from "../output/plan-heading.ts";
import type { Invocation } from "../command-spec.ts";
import { waiting } from "../output/waiting.ts";
import type { CommandContext } from "../system/command-context.ts";

/** Maximum age of cached snapshots in a plan. Milliseconds. */
const SNAPSHOTS_MAX_AGE_MS = 10_000;

export interface Scope {
  /** Instance names; empty: all. */
  readonly targets: readonly string[];
  readonly allowDelete: readonly string[];
}

export interface Planned {
  readonly plan: Plan;
  readonly scope: Scope;
  readonly desired: Desired;
  readonly observed: Observed;
  /** Agents with a change in flight now or during this refresh: the plan leaves their differences out. */
  readonly inFlight: ReadonlySet<string>;
  /** What the running loop does to the agents in scope. */
  readonly work: readonly InFlightText[];
}

export const list = (value: unknown): readonly string[] => (Array.isArray(value) ? (value as string[]) : []);

export async function planNow(
  world: CommandContext,
  asked: Scope & {
    readonly actor?: "loop" | "apply";
    /** The prefetched list, if there is one. */
    readonly early?: InstanceList | null;
  },
): Promise<Planned> {
  const { early = await world.listInstances() } = asked;
  const [desired, readings, host, work] = await Promise.all([
    world.desired(),
    world.readings(),
    world.host(),
    world.inFlight(),
  ]);
  const claims = world.store().claims.list();
  const scope: Scope = {
    targets: resolveNames(asked.targets, desired.agents, claims),
    allowDelete: resolveNames(asked.allowDelete, desired.agents, claims),
  };
  const selection = await world.selection();
  const deps = {
    driver: selection.driver,
    store: world.store(),
    readings: () => readings,
    clock: systemClock,
    bus: world.bus,
    host,
  };
  const observed = await waiting(process.stderr, `${selection.kind}, which is asked what there is`, () =>
    observe(withListed(deps, early, selection), desired, {
      fence: null,
      busy: new Set(),
      snapshotsMaxAge: SNAPSHOTS_MAX_AGE_MS,
    }),
  );
  const policy = { actor: asked.actor ?? "apply", ...scope, bootGrace: bootGraceOf(process.env) };
  // After the refresh: changes that ran since this command began may be seen half done.
  const knows = await world.known();
  const inFlight = new Set([
    ...(knows?.inFlight ?? []),
    ...Object.entries(knows?.endedAt ?? {}).flatMap(([name, at]) =>
      at >= performance.timeOrigin ? name : [],
    ),
  ]);
  const holds = knows?.holds ?? { beside: await secretsHeld(desired, world.settings), known: [] };
  const planned = withHolds(makePlan(desired, observed, policy, systemClock.now()), holds, scope.targets);
  return {
    plan: withoutInFlight(planned, inFlight),
    scope,
    desired,
    observed,
    inFlight,
    work: work.filter((w) => scope.targets.length === 0 || scope.targets.includes(w.agent)),
  };
}

/** Without a loop, apply uses a temporary one, which reads secrets as this process would. */
async function secretsHeld(desired: Desired, settings: Settings): Promise<readonly Held[]> {
  const having = desired.agents.filter((a) => Object.keys(a.secrets).length > 0);
  if (having.length === 0) return [];
  const { heldSecret, missingSecrets } = await import("../../runtimes/config.ts");
  const trust = { ...trustOf(settings), restricted: desired.restricted === true };
  return missingSecrets(having, process.env, trust).map(heldSecret);
}

/** The heading and the plan, for people. */
export async function show(
  invocation: Pick<Invocation, "settings" | "output" | "version">,
  world: CommandContext,
  found: Planned,
): Promise<void> {
  const { output } = invocation;
  await heading(invocation, world, found);
  const { work: inFlight, desired } = found;
  print(explain(found.plan, { width: output.width, agents: desired.agents.length, inFlight }), output);
}

/** The heading: fleet and revision, driver, number of unowned instances. */
export async function heading(
  { settings, output, version }: Pick<Invocation, "settings" | "output" | "version">,
  world: CommandContext,
  { observed, desired }: Planned,
): Promise<void> {
  const claims = new Set(observed.claims.map((c) => c.name));
  const seen = observed.instances;
  const lines = planHeading(
    {
      version,
      fleet: relative(process.cwd(), settings.fleet) || ".",
      revision: desired.revision,
      git: await world.git(),
      driver: (await world.selection()).kind,
      instances:
        seen.kind === "seen"
          ? { all: seen.list.length, foreign: seen.list.filter((i) => !claims.has(i.name)).length }
          : null,
      allowed: desired.restricted ? allowedWords(settings.allow) : undefined,
      guard: desired.guard?.message ?? null,
    },
    // As one line for programs.
    output.isTTY ? output.width : Number.POSITIVE_INFINITY,
  );
  print(lines, output);
}

export function print(lines: readonly Line[], output: Output): void {
  for (const line of lines) output.out(painted(line, output));
}
