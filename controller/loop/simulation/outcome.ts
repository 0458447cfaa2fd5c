/** What must be true of the world when nothing goes wrong any more: it is in sync, or rightly held. */
import { sameSize } from "../../core/diff/fields.ts";
import type { Claim, Desired, Mount, Plan } from "../../core/types.ts";
import { livingAs } from "./living-as.ts";
import type { SimulatedInstance, SimulatedMultipass } from "./simulated-multipass.ts";

const AT_REST = { running: "Running", stopped: "Stopped", suspended: "Suspended" } as const;

/** Reasons that may remain: each waits for a person who decides, none for something that should have come by itself. */
const REMAINING: readonly string[] = [
  "paused",
  "protected",
  "prune-off",
  "max-deletes",
  "nothing-left",
  "fleet-empty",
  "data-loss",
  "impossible",
  "limits",
  "drift-mode",
];

export function wrongInTheEnd(
  world: SimulatedMultipass,
  claims: readonly Claim[],
  written: Desired,
  plan: Plan,
): readonly string[] {
  const desired = livingAs(written, claims);
  const wrong: string[] = [];
  const mustRun = (name: string) =>
    desired.agents.some(
      (a) => a.name === name && a.state === "running" && !a.paused && a.drift.mode === "correct",
    );
  // Provisioning is run again in what runs, and mounts are read of what answers; until it is to run, they wait.
  for (const held of plan.held)
    if (!REMAINING.includes(held.reason) && (held.reason !== "not-ready" || mustRun(held.agent)))
      wrong.push(`${held.agent} is held: ${held.reason}: ${held.message}`);
  const agents = new Map(desired.agents.map((a) => [a.name, a]));
  const stuck = new Set(plan.held.map((h) => h.agent));
  const isStuck = (name: string): boolean => {
    const agent = agents.get(name);
    if (!agent || stuck.has(name) || agent.paused || agent.drift.mode !== "correct") return true;
    return agent.dependsOn.some(isStuck);
  };
  for (const change of plan.changes)
    if (!isStuck(change.agent) || change.waitsFor.length === 0)
      wrong.push(`${change.action} of ${change.agent} is still to be done: ${change.why.join("; ")}`);
  for (const claim of claims) {
    if (!agents.has(claim.name) && !stuck.has(claim.name))
      wrong.push(`the claim of ${claim.name} is left over`);
    if (!world.get(claim.name) && !isStuck(claim.name)) wrong.push(`${claim.name} is claimed and not there`);
  }
  const claimed = new Map(claims.map((c) => [c.name, c]));
  for (const instance of world.all())
    if (instance.maker === "fleet" && !claimed.has(instance.name))
      wrong.push(`${instance.name} is an orphan`);
  for (const agent of desired.agents) {
    if (isStuck(agent.name)) continue;
    const { name, size } = agent;
    const instance = world.get(name);
    const claim = claimed.get(name);
    if (instance?.state !== AT_REST[agent.state]) wrong.push(`${name} is ${instance?.state ?? "absent"}`);
    if (!instance) continue;
    const shown = world.shownSize(instance.size);
    if (shown.cpu !== size.cpu || !sameSize(size.memory, shown.memory) || !sameSize(size.disk, shown.disk))
      wrong.push(`${name} has ${JSON.stringify(shown)}, wanted ${JSON.stringify(size)}`);
    const unproven = agent.state === "running" && !claim?.proven;
    if (claim?.phase !== "launched" || unproven || claim.converged === null)
      wrong.push(`${name} has a claim that is not converged: ${JSON.stringify(claim)}`);
    if (claim && claim.nonce !== instance.nonce) wrong.push(`${name} has another nonce than its claim`);
    const mounts = ({ source, target }: Mount) => `${source} ${target}`;
    const [has, wants] = [instance.mounts, agent.mounts].map((m) => m.map(mounts).sort().join(", "));
    if (has !== wants) wrong.push(`${name} has the mounts ${has}, wanted ${wants}`);
    if (agent.restore && ![claim?.restoreToken, ...(claim?.formerTokens ?? [])].includes(agent.restore.token))
      wrong.push(`${name} was not restored for ${agent.restore.token}`);
    if (agent.state !== "suspended") wrong.push(...wrongSnapshots(instance, desired));
  }
  return wrong;
}

/** Those without a schedule exist; of those with one there are no more of ours than are kept. */
function wrongSnapshots({ name, snapshots }: SimulatedInstance, desired: Desired): readonly string[] {
  const wrong: string[] = [];
  for (const { agent, name: of, schedule, keep = 0 } of desired.snapshots) {
    if (agent !== name) continue;
    if (schedule === undefined) {
      if (!snapshots.some((s) => s.name === of)) wrong.push(`${name} has no snapshot ${of}`);
      continue;
    }
    const ours = snapshots.filter((s) => s.maker === "fleet" && s.name.startsWith(`${of}-`));
    // What a restore goes back to is kept beside them, and what was above goes with the next run only.
    if (ours.length > keep + 1) wrong.push(`${name} has ${ours.length} snapshots of ${of}, keep is ${keep}`);
  }
  return wrong;
}
