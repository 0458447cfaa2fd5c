/**
 * The order in which the hub tries ports: two fleets on one machine get different ones, and keep them over a restart.
 */
import type { Settings } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { FLEET_DEFAULTS } from "../../core/desired-values.ts";
import type { FleetSettings } from "../../core/types.ts";
import type { Store } from "../../store/store.ts";
import { AGENT_PORT_KEY } from "./command-context.ts";

export type PortUse = "agents" | "API" | "dashboard";

/** kv keys of the ports of the last run. Instances remember the agent port; people bookmark the others. */
const KEYS: Readonly<Record<PortUse, string>> = {
  agents: AGENT_PORT_KEY,
  API: "http-port",
  dashboard: "dashboard-port",
};
export const PORT_KEYS: readonly string[] = Object.values(KEYS);
const USUAL: Readonly<Record<PortUse, number>> = {
  agents: FLEET_DEFAULTS.hub.agentPort,
  API: FLEET_DEFAULTS.hub.httpPort,
  dashboard: FLEET_DEFAULTS.hub.dashboardPort,
};
/** Distance between the ports of one fleet and those of the next, where the defaults are in use. */
export const STEP = 100;
const STEPS = 9;

export interface PortChoice {
  /** From the environment or `kind: Fleet`; null: not set. 0: any free one. */
  readonly written: number | null;
  /** Of the last run. */
  readonly remembered: number | null;
  readonly usual: number;
}

export function portChoice(
  use: PortUse,
  settings: Pick<Settings, "httpPort" | "wsPort" | "dashboardPort">,
  hub: FleetSettings["hub"] | null | undefined,
  kv: Pick<Store["kv"], "get"> | null,
): PortChoice {
  const written = {
    agents: settings.wsPort ?? hub?.agentPort,
    API: settings.httpPort ?? hub?.httpPort,
    dashboard: settings.dashboardPort ?? hub?.dashboardPort,
  };
  const remembered = kv?.get(KEYS[use]);
  return {
    written: written[use] ?? null,
    remembered: typeof remembered === "number" && remembered > 0 ? remembered : null,
    usual: USUAL[use],
  };
}

/** In the order in which they are tried; the last, 0, is any free one. */
export function portsToTry({ written, remembered, usual }: PortChoice): readonly number[] {
  if (written !== null && written !== 0) return [written];
  const before = remembered === null ? [] : [remembered];
  if (written === 0) return [...before, 0];
  const usualOnes = Array.from({ length: STEPS + 1 }, (_, n) => usual + n * STEP);
  return [...new Set([...before, ...usualOnes, 0])];
}

/** Instances look for their hub at the port that they know: another one would disconnect them. */
const isKnown = ({ written, remembered }: PortChoice, hasInstances: boolean): boolean =>
  hasInstances && written === null && remembered !== null;

export function agentPortsToTry(choice: PortChoice, hasInstances: boolean): readonly number[] {
  return isKnown(choice, hasInstances) ? [choice.remembered ?? 0] : portsToTry(choice);
}

/** Explains why another port is not used. */
export function knownPortTaken(error: unknown, choice: PortChoice, hasInstances: boolean): unknown {
  if (!isKnown(choice, hasInstances) || (error as { code?: string }).code !== "port-in-use") return error;
  const port = choice.remembered;
  return new VmAgentError({
    code: "port-in-use",
    message: `port ${port} is in use by another program, and it is the one at which the instances of this fleet look for their hub`,
    next: `stop what holds it (lsof -i :${port}); VM_AGENT_WS_PORT chooses another, at which the instances that run now do not find the hub`,
    exit: EXIT.failed,
    cause: error,
  });
}

export async function rememberPort(store: Store, use: PortUse, port: number): Promise<void> {
  await store.kv.put(KEYS[use], port);
}
