/** Checks whether the hub's ports are free; if not, which program has them. */
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { BIND_BRIDGES, bridgeAddresses } from "../../hub/runtimes/addresses.ts";
import { STEP } from "../system/hub-ports.ts";
import type { Check, Finding } from "./check.ts";
import { driverDeadline } from "./multipass.ts";
import type { DoctorContext, RunningHub } from "./context.ts";
import { portHolders } from "./port-holders.ts";
import { type RequiredPort, requiredPorts } from "./required-ports.ts";

export const ports: Check<DoctorContext> = {
  name: "ports",
  deadlineMs: driverDeadline,
  async run(context) {
    const hub = await context.hub();
    if (hub?.answers)
      return [{ level: "good", found: `the hub runs (pid ${hub.file.pid}): ${portsOf(hub)}` }];
    const wanted = await requiredPortsOf(context);
    const findings = (await Promise.all(wanted.map((w) => portFinding(w, context)))).filter(
      (f) => f !== null,
    );
    if (findings.length > 0) return findings;
    const fixed = wanted.filter((w) => w.port !== 0);
    return [
      {
        level: "good",
        found:
          fixed.length === 0
            ? "any free ports are taken"
            : `ports ${fixed.map((w) => w.port).join(", ")} are free`,
      },
    ];
  },
};

export async function requiredPortsOf(context: DoctorContext): Promise<readonly RequiredPort[]> {
  const read = await context.fleet();
  const look = await context.driver().catch(() => null);
  const hub = read.ok ? read.desired.settings.hub : null;
  const stored = context.stored();
  const memory = stored.kind === "open" ? { kv: stored.ports, hasInstances: stored.claims.length > 0 } : null;
  const bindIsSet = Boolean(context.env.VM_AGENT_BIND);
  return requiredPorts(context.settings, hub, look?.info.sandbox ?? false, bindIsSet, memory);
}

const portsOf = ({ file }: RunningHub): string =>
  [`agents ${file.agent}`, `API ${file.http}`, `dashboard ${file.dashboard}`].join(", ");

async function portFinding(wanted: RequiredPort, context: DoctorContext): Promise<Finding | null> {
  const { port, bind, what, variable } = wanted;
  const hosts = bind === BIND_BRIDGES ? ["127.0.0.1", ...bridgeAddresses(networkInterfaces())] : [bind];
  let code: string | null = null;
  for (const host of port === 0 ? [] : hosts) code ??= await tryPort(port, host);
  if (code === null) return null;
  if (code === "EADDRINUSE") {
    const [holder] = await portHolders(port, context);
    const who = holder ? `pid ${holder.pid} (${shorten(holder.command)})` : "a program of another user";
    if (!wanted.isOnly)
      return {
        level: "warn",
        found: `port ${port} for ${forWhom(what)} is taken by ${who}`,
        next: `nothing has to be done: the next start takes another port and keeps it; ${variable}=${port + STEP} chooses one`,
      };
    const stop = holder ? "stop it" : `find it as root (lsof -i :${port}) and stop it`;
    return {
      level: "bad",
      found: `port ${port} for ${forWhom(what)} is taken by ${who}`,
      next: `${stop}, or choose another: ${variable}=${port + STEP}`,
    };
  }
  if (code === "EACCES")
    return {
      level: "bad",
      found: `port ${port} for ${forWhom(what)} may not be opened by this user`,
      next: `choose one above 1023: ${variable}`,
    };
  return {
    level: "bad",
    found: `port ${port} for ${forWhom(what)} cannot be opened at ${bind} (${code})`,
    next: "choose an address of this machine (VM_AGENT_BIND)",
  };
}

const forWhom = (what: RequiredPort["what"]): string => (what === "agents" ? "agents" : `the ${what}`);

const LONGEST = 60;
const shorten = (command: string): string =>
  command.length > LONGEST ? `${command.slice(0, LONGEST - 1)}…` : command;

/** Opens it briefly, as the hub would; null: it can be opened. */
function tryPort(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
