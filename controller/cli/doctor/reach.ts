/** Whether instances can reach the hub: at which addresses it will be called, whether these are this machine's, who has come in. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { advertised, isBridge } from "../../hub/runtimes/addresses.ts";
import { findHub } from "../system/home.ts";
import { counted } from "../output/output.ts";
import type { Check, Finding } from "./check.ts";
import { driverDeadline } from "./multipass.ts";
import type { Patient } from "./patient.ts";
import { wantedPorts } from "./ports.ts";

export const reach: Check<Patient> = {
  name: "reach",
  deadlineMs: driverDeadline,
  async run(patient) {
    const running = await heard(patient);
    if (running) return [running];
    const look = await patient.driver().catch(() => null);
    if (look === null) return [{ level: "skip", found: "how instances reach the hub depends on Multipass" }];
    const read = await patient.fleet();
    const agents = (await wantedPorts(patient)).find((w) => w.what === "agents");
    const some = look.seen.kind === "seen" && look.seen.instances.some((i) => i.state === "Running");
    return reachFindings({
      advertise: read.ok ? read.desired.settings.hub.advertise : "auto",
      bind: agents?.bind ?? patient.settings.bind,
      port: agents?.port ?? 0,
      sandbox: look.info.sandbox,
      instancesRun: some,
      interfaces: networkInterfaces(),
      resolve: async (host) => (await lookup(host)).address,
    });
  },
};

/** The proof, where a hub runs: who is connected to it. */
async function heard({ settings, hub }: Patient): Promise<Finding | null> {
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
  const told = advertised(advertise, bind, port, interfaces);
  if (told.length === 0) return [noBridge(facts)];
  const [first = ""] = told;
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
            found: `instances run, and no bridge of Multipass is among this machine's networks; they are told ${at} (${bridge})`,
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

/** A firewall between cannot be seen from here; whether the name leads to this machine can. */
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
        found: `instances are told to come to ${at}, and nobody knows that name`,
        next: "correct hub.advertise in kind: Fleet, or write auto",
      };
    }
  }
  const mine = Object.values(interfaces).some((list) => list?.some((i) => i.address === address));
  return mine
    ? { level: "good", found: `instances reach the hub at ${at} (hub.advertise)` }
    : {
        level: "warn",
        found: `instances are told to come to ${at}, which is not an address of this machine`,
        next: "right behind a forwarded port; else correct hub.advertise in kind: Fleet, or write auto",
      };
}

const hostOf = (address: string): string => address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.");
