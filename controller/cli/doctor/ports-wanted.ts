/** Which ports the hub will listen on, at which address, and how each is changed. */
import type { Settings } from "../../base/env.ts";
import type { FleetSettings } from "../../core/types.ts";
import { BIND_BRIDGES } from "../../hub/addresses.ts";

export interface PortWanted {
  readonly what: "agents" | "API" | "dashboard";
  /** 0: any free one. */
  readonly port: number;
  /** An address, or BIND_BRIDGES. */
  readonly bind: string;
  readonly variable: string;
}

/** As `up` decides: this invocation's settings, then `kind: Fleet`, then the defaults. */
export function portsWanted(
  settings: Pick<Settings, "httpPort" | "wsPort" | "dashboardPort" | "bind">,
  hub: FleetSettings["hub"] | null,
  sandbox: boolean,
  bindIsSet: boolean,
): readonly PortWanted[] {
  const { bind } = settings;
  return [
    {
      what: "agents",
      port: settings.wsPort ?? hub?.agentPort ?? 9090,
      // Virtual machines come in by a bridge that need not be there before the first launch.
      bind: sandbox || bindIsSet ? bind : BIND_BRIDGES,
      variable: "VM_AGENT_WS_PORT",
    },
    { what: "API", port: settings.httpPort ?? hub?.httpPort ?? 9091, bind, variable: "VM_AGENT_HTTP_PORT" },
    {
      what: "dashboard",
      port: settings.dashboardPort ?? hub?.dashboardPort ?? 9092,
      bind,
      variable: "VM_AGENT_DASHBOARD_PORT",
    },
  ];
}
