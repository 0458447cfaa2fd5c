/** What apply would do, computed from the files on disk and a look at the world; and how people read it. */
import { relative } from "node:path";
import { type Settings, bootGraceOf, trustOf } from "../../base/env.ts";
import { systemClock } from "../../base/clock.ts";
import { type Line, type Working, explain } from "../../views/explain.ts";
import { withHolds, withoutInFlight } from "../../core/holds.ts";
import { makePlan } from "../../core/plan.ts";
import type { Desired, Held, Observed, Plan } from "../../core/types.ts";
import { allowedWords } from "../../fleet/trust.ts";
import { observe } from "../../observe/observe.ts";
import { type EarlyLook, withEarlyLook } from "../system/early-look.ts";
import { resolveNames } from "../names.ts";
import { type Output, painted } from "../output/output.ts";
import { planHeading } from "../output/plan-heading.ts";
import type { Invocation } from "../command-spec.ts";
import { waiting } from "../output/waiting.ts";
import type { World } from "../system/world.ts";

/** How long a snapshot reading may be old before a plan asks again. Milliseconds. */
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
  /** Instances that the loop works on, or worked on while this was looked at: no difference of theirs is in the plan. */
  readonly inFlight: ReadonlySet<string>;
  /** By the loop that runs, of the agents in scope. */
  readonly working: readonly Working[];
}

export const list = (value: unknown): readonly string[] => (Array.isArray(value) ? (value as string[]) : []);

export async function planNow(
  world: World,
  asked: Scope & {
    readonly actor?: "loop" | "apply";
    /** The early look, where it is under way already. */
    readonly early?: EarlyLook | null;
  },
): Promise<Planned> {
  const { early = await world.lookEarly() } = asked;
  const [desired, readings, host, working] = await Promise.all([
    world.desired(),
    world.readings(),
    world.host(),
    world.working(),
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
    observe(withEarlyLook(deps, early, selection), desired, {
      fence: null,
      busy: new Set(),
      snapshotsMaxAge: SNAPSHOTS_MAX_AGE_MS,
    }),
  );
  const policy = { actor: asked.actor ?? "apply", ...scope, bootGrace: bootGraceOf(process.env) };
  // After the look: what was worked on since this command began may be seen half done.
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
    working: working.filter((w) => scope.targets.length === 0 || scope.targets.includes(w.agent)),
  };
}

/** Without a loop, apply brings one of its own, which reads secrets as this process would. */
async function secretsHeld(desired: Desired, settings: Settings): Promise<readonly Held[]> {
  const having = desired.agents.filter((a) => Object.keys(a.secrets).length > 0);
  if (having.length === 0) return [];
  const { heldSecret, missingSecrets } = await import("../../runtimes/config.ts");
  const trust = { ...trustOf(settings), restricted: desired.restricted === true };
  return missingSecrets(having, process.env, trust).map(heldSecret);
}

/** The heading and the plan, as people read it. */
export async function show(
  invocation: Pick<Invocation, "settings" | "output" | "version">,
  world: World,
  found: Planned,
): Promise<void> {
  const { output } = invocation;
  await heading(invocation, world, found);
  const { working, desired } = found;
  print(explain(found.plan, { width: output.width, agents: desired.agents.length, working }), output);
}

/** What is looked at: the fleet and its revision, where the instances live, how many are not ours. */
export async function heading(
  { settings, output, version }: Pick<Invocation, "settings" | "output" | "version">,
  world: World,
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
    // Programs find it in one line.
    output.isTTY ? output.width : Number.POSITIVE_INFINITY,
  );
  print(lines, output);
}

export function print(lines: readonly Line[], output: Output): void {
  for (const line of lines) output.out(painted(line, output));
}
