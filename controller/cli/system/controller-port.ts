/** The loop's port for HTTP: status, plan, requeue, and requests of a person. */
import { systemClock } from "../../base/clock.ts";
import { VmAgentError } from "../../base/errors.ts";
import { ACTIONS, type Action, type DesiredAgent, type Plan } from "../../core/types.ts";
import { withHolds } from "../../core/holds.ts";
import { makePlan } from "../../core/plan.ts";
import type { ControllerPort } from "../../http/deps.ts";
import { createReporter } from "../../loop/report/report.ts";
import type { FleetView } from "../../../ui/client/types.ts";
import type { System } from "./system.ts";

/** `close` releases its subscriptions. */
export function controllerPort(system: System, version: string): ControllerPort & { close(): void } {
  const { loop, source, hub, driver, settings } = system;
  const report = createReporter({
    loop,
    fleet: () => source.current(),
    readings: hub.readings,
    alerts: system.alerts,
    now: systemClock.now,
    bootGrace: system.bootGrace,
    applied: system.applied,
    about: {
      version,
      fleet: settings.fleet,
      driver: { name: driver.name, version: driver.version, sandbox: driver.sandbox },
    },
  });
  // Conditions record since when they hold: they are updated at each refresh, not only on request.
  const close = system.bus.on("planned", () => void report());
  return {
    close,
    fleet: () => report() satisfies FleetView,
    async plan(): Promise<Plan | null> {
      const turn = loop.last ?? (await loop.turn());
      const desired = source.current().desired;
      if (!turn || !desired) return null;
      const policy = { actor: "apply", allowDelete: [], targets: [], bootGrace: system.bootGrace } as const;
      const plan = makePlan(desired, turn.observed, policy, systemClock.now());
      return withHolds(plan, loop.holds());
    },
    known: () => {
      const { beside, known } = loop.holds();
      return { held: beside, known, inFlight: [...loop.unjudged], endedAt: Object.fromEntries(loop.endedAt) };
    },
    async reconcile(names) {
      loop.requeue(names);
      // A followed remote may have moved; a new fleet requests another turn.
      await source.refresh().catch(system.onError);
    },
    async apply(request) {
      const changes = Array.isArray(request.changes) ? request.changes.flatMap(orderOf) : [];
      const allowDelete = Array.isArray(request.allowDelete)
        ? request.allowDelete.filter((n): n is string => typeof n === "string")
        : [];
      await loop.approve(changes, allowDelete);
      return { accepted: changes.length };
    },
    async import(name) {
      await system.adopt(await inForce(system, name));
      return { imported: name };
    },
  };
}

/** The agent as declared. The document may have been edited a moment ago, so the files are read. */
async function inForce({ source, settings }: System, name: string): Promise<DesiredAgent> {
  const { desired, stale } = await source.refresh();
  const agent = stale ? undefined : desired?.agents.find((a) => a.name === name);
  if (agent) return agent;
  throw new VmAgentError({
    code: "not-declared",
    message: `the loop that runs does not know a document of "${name}"`,
    next: desired?.settings.git.follow
      ? `commit it, since the fleet follows git; then vm-agent import ${name} again`
      : `see that it is in ${settings.fleet}; then vm-agent import ${name} again`,
  });
}

function orderOf(value: unknown): readonly { readonly agent: string; readonly action: Action }[] {
  const { agent, action } = (value ?? {}) as { agent?: unknown; action?: unknown };
  const known = ACTIONS.find((a) => a === action);
  return typeof agent === "string" && known ? [{ agent, action: known }] : [];
}
