/**
 * Checks whether instances can reach the hub: advertised addresses, whether they are this machine's, and which runtimes
 * are connected.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { advertised, isBridge } from "../../hub/runtimes/addresses.ts";
import { findHub } from "../system/home.ts";
import { counted } from "../output/output.ts";
import type { Check, Finding } from "./check.ts";
import { driverDeadline } from "./multipass.ts";
import type { DoctorContext } from "./context.ts";
import { requiredPortsOf } from "./ports.ts";

export const reach: Check<DoctorContext> = {
  name: "reach",
  deadlineMs: driverDeadline,
  async run(context) {
    const running = await heard(context);
    if (running) return [running];
    const look = await context.driver().catch(() => null);
    if (look === null) return [{ level: "skip", found: "how instances reach the hub depends on Multipass" }];
    const read = await context.fleet();
    const agents = (await requiredPortsOf(context)).find((w) => w.what === "agents");
    const some = look.seen.kind === "seen" && look.seen.instances.some((i) => i.state === "Running");
    return reachFindings({
      advertise: read.ok ? read.desired.settings.hub.advertise : "auto",
      bind: agents?.bind ?? context.settings.bind,
      port: agents?.port ?? 0,
      sandbox: look.info.sandbox,
      instancesRun: some,
      interfaces: networkInterfaces(),
      resolve: async (host) => (await lookup(host)).address,
    });
  },
};

/** With a running hub, its connected runtimes are the proof. */
async function heard({ settings, hub }: DoctorContext): Promise<Finding | null> {
  if (!(await hub())?.answers) return null;
  const found = await findHub({ ...settings, url: null });
  const fleet = await found?.api.getFleet().catch(() => null);
  if (!fleet) return null;
  const expected = fleet.agents.filter((a) => a.seen === "Running" && a.wanted === "running");
  const silent = expected.filter((a) => !a.runtime || a.runtime.status === "offline").map((a) => a.name);
  if (silent.length > 0)
    return {
      level: "warn",
      found: `${counted(silent.length, "instance")} of ${expected.length} that run ${silent.length === 1 ? "is" : "are"} not connected to the hub: ${silent.slice(0, 5).join(", ")}${silent.length > 5 ? ", …" : ""}`,
      next: `vm-agent why ${silent[0]} tells what is done about it; vm-agent logs ${silent[0]} --direct shows the runtime's own words`,
    };
  return {
    level: "good",
    found: `${expected.length} of ${expected.length} running instances are connected to the hub`,
  };
}

export interface ReachFacts {
  readonly advertise: string;
  readonly bind: string;
  readonly port: number;
  readonly sandbox: boolean;
  readonly instancesRun: boolean;
  readonly interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>;
  readonly resolve: (host: string) => Promise<string>;
}

export async function reachFindings(facts: ReachFacts): Promise<readonly Finding[]> {
  const { advertise, bind, port, sandbox, interfaces } = facts;
  const reported = advertised(advertise, bind, port, interfaces);
  if (reported.length === 0) return [noBridge(facts)];
  const [first = ""] = reported;
  const at = port === 0 ? first.replace(/:0$/, ", at the port that is picked") : first;
  if (advertise !== "auto") return [await namedFinding(facts, first, at)];
  if (sandbox) return [{ level: "good", found: `the sandbox's instances reach the hub at ${at}` }];
  const host = hostOf(first);
  if (isLoopback(host))
    return [
      {
        level: isLoopback(bind) ? "bad" : "warn",
        found: isLoopback(bind)
          ? `the port for agents is bound to ${bind}, where no virtual machine can reach it`
          : "no network of this machine leads to virtual machines",
        next: isLoopback(bind)
          ? "unset VM_AGENT_BIND, or set it to an address of the bridge that instances are on"
          : "connect this machine, or write the address under hub.advertise in kind: Fleet",
      },
    ];
  const bridge =
    Object.entries(interfaces).find(([, list]) => list?.some((i) => i.address === host))?.[0] ?? "";
  if (!isBridge(bridge))
    return facts.instancesRun
      ? [
          {
            level: "warn",
            found: `instances run, and no bridge of Multipass is among this machine's networks; their settings name ${at} (${bridge})`,
            next: "that works if they are on that network; else write the address that they reach under hub.advertise in kind: Fleet",
          },
        ]
      : [{ level: "good", found: "the bridge to the instances comes with the first of them" }];
  return [{ level: "good", found: `instances reach the hub at ${at} (${bridge})` }];
}

function noBridge({ instancesRun, port }: ReachFacts): Finding {
  if (!instancesRun)
    return { level: "good", found: "the bridge to the instances comes with the first of them" };
  return {
    level: "warn",
    found:
      "instances run, and no bridge of Multipass is among this machine's networks, so the port for agents is open on loopback alone",
    next: `if they are on another network: VM_AGENT_BIND=ADDRESS of this machine on it, or hub.advertise in kind: Fleet (port ${port || "picked"})`,
  };
}

/** A firewall between cannot be detected from here; whether the name resolves to this machine can. */
async function namedFinding(
  { interfaces, resolve }: ReachFacts,
  first: string,
  at: string,
): Promise<Finding> {
  const host = hostOf(first);
  let address = host;
  if (isIP(host) === 0) {
    try {
      address = await resolve(host);
    } catch {
      return {
        level: "bad",
        found: `the settings of instances name ${at}, and that name does not resolve`,
        next: "correct hub.advertise in kind: Fleet, or write auto",
      };
    }
  }
  const mine = Object.values(interfaces).some((list) => list?.some((i) => i.address === address));
  return mine
    ? { level: "good", found: `instances reach the hub at ${at} (hub.advertise)` }
    : {
        level: "warn",
        found: `the settings of instances name ${at}, which is not an address of this machine`,
        next: "right behind a forwarded port; else correct hub.advertise in kind: Fleet, or write auto",
      };
}

const hostOf = (address: string): string => address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.");
