/** The ports and addresses that the hub will listen on, and how to change each. */
import type { Settings } from "../../base/env.ts";
import type { FleetSettings } from "../../core/types.ts";
import { BIND_BRIDGES } from "../../hub/runtimes/addresses.ts";
import type { Store } from "../../store/store.ts";
import { agentPortsToTry, type PortUse, portChoice, portsToTry } from "../system/hub-ports.ts";

export interface RequiredPort {
  readonly what: PortUse;
  /** 0: any free one. */
  readonly port: number;
  /** False: where it is in use, the hub takes another. */
  readonly isOnly: boolean;
  /** An address, or BIND_BRIDGES. */
  readonly bind: string;
  readonly variable: string;
}

/** From the database: values of the last run. */
export interface PortMemory {
  readonly kv: Pick<Store["kv"], "get">;
  readonly hasInstances: boolean;
}

/** As in `up`: this invocation's settings, then `kind: Fleet`, then the last run, then the defaults. */
export function requiredPorts(
  settings: Pick<Settings, "httpPort" | "wsPort" | "dashboardPort" | "bind">,
  hub: FleetSettings["hub"] | null,
  sandbox: boolean,
  bindIsSet: boolean,
  memory: PortMemory | null,
): readonly RequiredPort[] {
  const { bind } = settings;
  const wanted = (what: RequiredPort["what"], variable: string, at = bind): RequiredPort => {
    const choice = portChoice(what, settings, hub, memory?.kv ?? null);
    const ports =
      what === "agents" ? agentPortsToTry(choice, memory?.hasInstances ?? false) : portsToTry(choice);
    return { what, port: ports[0] ?? 0, isOnly: ports.length === 1, bind: at, variable };
  };
  return [
    // Virtual machines use a bridge that may not exist before the first launch.
    wanted("agents", "VM_AGENT_WS_PORT", sandbox || bindIsSet ? bind : BIND_BRIDGES),
    wanted("API", "VM_AGENT_HTTP_PORT"),
    wanted("dashboard", "VM_AGENT_DASHBOARD_PORT"),
  ];
}
