/**
 * The state of the fleet as one value: last turn, changes in flight, failures and conditions. The only source for all
 * views.
 */
import { type AgentStatus, fleetStatus, foreignInstances, unread } from "../../views/status.ts";
import type { RuntimeReading } from "../../core/types.ts";
import type { FleetState } from "../../fleet/source.ts";
import type { FleetView } from "../../../schemas/types.ts";
import { errorLine } from "../../fleet/errors.ts";
import type { Applied } from "./history.ts";
import type { Loop } from "../loop.ts";
import type { Failure } from "../queue.ts";

export interface ReportDeps {
  readonly loop: Loop;
  readonly fleet: () => FleetState;
  readonly readings: () => readonly RuntimeReading[];
  readonly now: () => number;
  readonly bootGrace: number;
  /** Warnings about the hub itself. */
  readonly alerts: () => FleetView["alerts"];
  /** The revision of each agent's last change. */
  readonly applied?: () => ReadonlyMap<string, Applied>;
  readonly about: {
    readonly version: string;
    readonly fleet: string;
    readonly driver: { readonly name: string; readonly version: string; readonly sandbox: boolean };
  };
}

const NO_COUNTS = { create: 0, change: 0, destroy: 0, snapshot: 0, held: 0 };

export type FleetReport = ReturnType<ReturnType<typeof createReporter>>;

/** Remembers conditions between calls, for their `since`. */
export function createReporter(deps: ReportDeps) {
  let previous: readonly AgentStatus[] = [];
  return () => {
    const { loop } = deps;
    const now = deps.now();
    const { desired, errors, stale, git = null } = deps.fleet();
    const applied = deps.applied?.();
    const turn = loop.last;
    const failures = [...loop.queue.failures()];
    const failure = (name: string) => {
      const found = loop.queue.failure(name);
      return found ? viewOf(found) : null;
    };
    if (desired && turn) {
      const observed = { ...turn.observed, runtimes: deps.readings() };
      previous = fleetStatus(desired, observed, turn.plan, previous, now, {
        bootGrace: deps.bootGrace,
        failures: failures.map(([agent, f]) => ({
          agent,
          message: f.message,
          terminal: !Number.isFinite(f.retryAt),
        })),
        next: loop.next,
        diagnoses: loop.diagnoses,
        // A change that is half done is no drift.
        busy: loop.unjudged,
      });
    } else previous = (desired?.agents ?? []).map((agent) => unread(agent, now));
    const seen = turn?.observed.instances;
    return {
      at: now,
      ...deps.about,
      revision: desired?.revision ?? null,
      dirty: desired?.dirty ?? false,
      git,
      errors: errors.map(errorLine),
      stale,
      alerts: deps.alerts(),
      guard: desired?.guard?.message ?? null,
      agents: previous.map((status) => ({
        ...status,
        work: workOf(loop, status.name),
        failure: failure(status.name),
        applied: applied?.get(status.name) ?? null,
      })),
      foreign: desired && turn ? foreignInstances(desired, turn.observed) : null,
      /** When the instances were last observed; null: not yet. */
      seenAt: turn?.observed.at ?? null,
      unobservable: seen?.kind === "unobservable" ? seen.reason : null,
      counts: turn?.plan.counts ?? NO_COUNTS,
      held: turn?.plan.counts.held ?? 0,
      failures: Object.fromEntries(failures.map(([name, f]) => [name, viewOf(f)])),
      turns: loop.turns,
      // A refresh of a former fleet says nothing about this one.
      settled: loop.isSettled && turn?.plan.desiredHash === desired?.hash,
    };
  };
}

function workOf(loop: Loop, name: string) {
  const work = loop.inFlight.get(name);
  if (!work) return null;
  const { change, step, detail, progress, since, stepSince } = work;
  return { action: change.action, step, detail, progress, since, stepSince };
}

function viewOf(failure: Failure) {
  const { message, next, count, retryAt } = failure;
  return { message, next, count, retryAt: Number.isFinite(retryAt) ? retryAt : null };
}
