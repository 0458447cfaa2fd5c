/** Name conflicts: deleted instances that hold the name of an agent, and unowned instances with one. */
import { counted } from "../output/output.ts";
import type { Claim, DesiredAgent, ObservedInstance } from "../../core/types.ts";
import type { Check, Finding } from "./check.ts";
import { driverDeadline } from "./multipass.ts";
import type { DoctorContext } from "./context.ts";

export const instances: Check<DoctorContext> = {
  name: "instances",
  deadlineMs: driverDeadline,
  async run(context) {
    const look = await context.driver().catch(() => null);
    if (look?.seen.kind !== "seen")
      return [{ level: "skip", found: "which instances there are cannot be seen" }];
    const read = await context.fleet();
    const stored = context.stored();
    if (stored.kind === "refused")
      return [
        { level: "skip", found: "whose instances these are is not known: the database cannot be read" },
      ];
    const names = nameFindings(
      look.seen.instances,
      read.ok ? read.desired.agents : [],
      stored.kind === "open" ? stored.claims : [],
    );
    return stored.kind === "open" ? [...portFindings(stored.agentPort, stored.reached), ...names] : names;
  },
};

/** Instances know the port that they last reached; with another one no runtime reconnects by itself. */
export function portFindings(inUse: number | null, reached: ReadonlyMap<string, number>): readonly Finding[] {
  const elsewhere = [...reached].filter(([, port]) => inUse !== null && port !== inUse);
  const [first] = elsewhere;
  if (first === undefined) return [];
  const names = elsewhere.map(([name]) => name).sort();
  const shown =
    names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
  return [
    {
      level: "warn",
      found: `the hub's agent port is ${inUse}, and ${shown} know${names.length === 1 ? "s" : ""} it at ${first[1]}: their runtimes stay offline`,
      next: `write hub: {agentPort: ${first[1]}} in kind: Fleet (or VM_AGENT_WS_PORT=${first[1]}) and start vm-agent up again; vm-agent why ${names[0]} says what is tried meanwhile`,
    },
  ];
}

export function nameFindings(
  seen: readonly ObservedInstance[],
  agents: readonly Pick<DesiredAgent, "name">[],
  claims: readonly Pick<Claim, "name">[],
): readonly Finding[] {
  const wanted = new Set(agents.map((a) => a.name));
  const claimed = new Set(claims.map((c) => c.name));
  const deleted = seen.filter((i) => i.state === "Deleted" && wanted.has(i.name));
  const taken = seen.filter((i) => i.state !== "Deleted" && wanted.has(i.name) && !claimed.has(i.name));
  const ours = seen.filter((i) => i.state !== "Deleted" && claimed.has(i.name)).length;
  return [
    ...deleted.map(
      ({ name }): Finding => ({
        level: "warn",
        found: `a deleted instance holds the name ${name}`,
        next: `vm-agent multipass recover ${name}, or for good: vm-agent multipass delete --purge ${name}`,
      }),
    ),
    ...taken.map(
      ({ name }): Finding => ({
        level: "warn",
        found: `an instance ${name} is there that vm-agent did not make; it is never touched`,
        next: `vm-agent import ${name} makes it ours; or give the agent another name`,
      }),
    ),
    ...(deleted.length + taken.length === 0
      ? [{ level: "good", found: `${counted(ours, "instance")} of ours, no name is taken` } as const]
      : []),
  ];
}
