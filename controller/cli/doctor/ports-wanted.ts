/** Which ports the hub will listen on, at which address, and how each is changed. */
import type { Settings } from "../../base/env.ts";
import type { FleetSettings } from "../../core/types.ts";
import { BIND_BRIDGES } from "../../hub/runtimes/addresses.ts";
import type { Store } from "../../store/store.ts";
import { agentPortsToTry, type PortUse, portChoice, portsToTry } from "../system/hub-ports.ts";

export interface PortWanted {
  readonly what: PortUse;
  /** 0: any free one. */
  readonly port: number;
  /** False: where it is busy, the hub takes another. */
  readonly isOnly: boolean;
  /** An address, or BIND_BRIDGES. */
  readonly bind: string;
  readonly variable: string;
}

/** What the last run left in the database. */
export interface PortMemory {
  readonly kv: Pick<Store["kv"], "get">;
  readonly hasInstances: boolean;
}

/** As `up` decides: this invocation's settings, then `kind: Fleet`, then those of the last run, then the usual ones. */
export function portsWanted(
  settings: Pick<Settings, "httpPort" | "wsPort" | "dashboardPort" | "bind">,
  hub: FleetSettings["hub"] | null,
  sandbox: boolean,
  bindIsSet: boolean,
  memory: PortMemory | null,
): readonly PortWanted[] {
  const { bind } = settings;
  const wanted = (what: PortWanted["what"], variable: string, at = bind): PortWanted => {
    const choice = portChoice(what, settings, hub, memory?.kv ?? null);
    const ports =
      what === "agents" ? agentPortsToTry(choice, memory?.hasInstances ?? false) : portsToTry(choice);
    return { what, port: ports[0] ?? 0, isOnly: ports.length === 1, bind: at, variable };
  };
  return [
    // Virtual machines come in by a bridge that need not be there before the first launch.
    wanted("agents", "VM_AGENT_WS_PORT", sandbox || bindIsSet ? bind : BIND_BRIDGES),
    wanted("API", "VM_AGENT_HTTP_PORT"),
    wanted("dashboard", "VM_AGENT_DASHBOARD_PORT"),
  ];
}
