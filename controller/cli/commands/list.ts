/** `vm-agent list`: the fleet as one table, from the running loop, or from an observation of its own. */
import { textWidth, truncate } from "../../views/text-width.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { bootGraceOf } from "../../base/env.ts";
import { systemClock } from "../../base/clock.ts";
import { type AgentStatus, fleetStatus, foreignInstances } from "../../views/status.ts";
import { troubleOf } from "../../../ui/client/fleet-filter.ts";
import type { AgentView } from "../../../ui/client/types.ts";
import { type Output, table } from "../output/output.ts";
import { type Planned, planNow } from "../plan/plan-now.ts";
import type { CommandRun } from "../command-spec.ts";
import { type CommandContext, openContext } from "../system/command-context.ts";

export interface Fleet {
  readonly agents: readonly AgentView[];
  readonly foreign: number | null;
  readonly sandbox: boolean;
  readonly errors: readonly string[];
  readonly unobservable: string | null;
  /** False: no loop keeps the fleet in sync. */
  readonly live: boolean;
}

/** From the running loop; without one, from files, store and Multipass. */
export async function readFleet(world: CommandContext): Promise<Fleet> {
  const hub = await world.hub();
  if (hub) {
    const fleet = await hub.api.getFleet();
    return { ...fleet, sandbox: fleet.driver.sandbox, live: true };
  }
  return (await lookOurselves(world, "apply")).fleet;
}

/** Without a hub: one observation, and the plan for `actor`. */
export async function lookOurselves(
  world: CommandContext,
  actor: "loop" | "apply",
): Promise<{ readonly fleet: Fleet; readonly found: Planned }> {
  const found = await planNow(world, { targets: [], allowDelete: [], actor });
  const { desired, observed, plan } = found;
  const seen = observed.instances;
  const fleet: Fleet = {
    agents: fleetStatus(desired, observed, plan, [], systemClock.now(), {
      bootGrace: bootGraceOf(process.env),
      busy: found.inFlight,
    }).map(withoutRuntimeHealth),
    foreign: foreignInstances(desired, observed),
    sandbox: (await world.selection()).kind === "sandbox",
    errors: [],
    unobservable: seen.kind === "unobservable" ? seen.reason : null,
    live: false,
  };
  return { fleet, found };
}

/** Without a hub runtimes cannot report, so a missing heartbeat says nothing about their health. */
export function withoutRuntimeHealth(status: AgentStatus): AgentView {
  const alone = { ...status, work: null, failure: null };
  if (status.seen !== "Running" || status.wanted !== "running") return alone;
  const conditions = status.conditions.map((condition) =>
    condition.type === "Ready" && condition.reason !== "NoRuntime"
      ? ({ ...condition, status: "Unknown", reason: "NoHub", message: NO_HUB } as const)
      : condition,
  );
  return { ...alone, conditions, health: "Unknown", runtime: null };
}

const NO_HUB = "it runs; no hub runs, so its runtime is not heard";

const STATUSES: readonly string[] = ["online", "offline"];

export const list: CommandRun = async ({ settings, output, options }) => {
  if (options.status !== undefined && !STATUSES.includes(String(options.status)))
    throw new VmAgentError({
      code: "usage",
      message: `--status is "${String(options.status)}"`,
      next: `allowed: ${STATUSES.join(", ")}`,
      exit: EXIT.usage,
    });
  await using world = await openContext(settings, { color: output.color, width: output.width });
  const fleet = await readFleet(world);
  const [key, value] = String(options.label ?? "").split("=");
  const agents = fleet.agents.filter(
    (a) =>
      (!options.type || a.type === options.type) &&
      (!options.label || a.labels[key ?? ""] === value) &&
      (!options.status || onlineWord(a) === options.status),
  );
  if (output.json) {
    output.out(JSON.stringify({ ...fleet, agents: agents.map((a) => ({ ...a, note: noteOf(a) })) }, null, 2));
    return EXIT.done;
  }
  if (agents.length === 0)
    output.out(
      fleet.agents.length === 0
        ? "No agents are written yet; vm-agent validate tells what is in the fleet folder."
        : "No agent matches.",
    );
  else {
    const heads = ["NAME", "TYPE", "DESIRED", "OBSERVED", "SYNC", "HEALTH", "RUNTIME", "TASKS"];
    const rows = [heads.map((h) => output.paint("dim", h)), ...agents.map((a) => row(a, output))];
    // Programs that read it in a pipe want all of it.
    const width = output.isTTY ? output.width : Number.POSITIVE_INFINITY;
    output.out(table(withNotes(rows, agents.map(noteOf), { ...output, width })));
  }
  footer(fleet, output);
  return EXIT.done;
};

/** In one sentence why it is not healthy or in sync; null: it is. */
export function noteOf(agent: AgentView): string | null {
  if (agent.failure) return agent.failure.message;
  if (agent.sync === "Paused") return "it is paused";
  const [held] = agent.held;
  if (held) return held.message;
  const said = (type: string) => agent.conditions.find((c) => c.type === type);
  if (agent.sync !== "Synced") return said("Reconciling")?.message ?? null;
  const ready = said("Ready");
  if (ready?.reason === "NoRuntime" || (ready?.status === "False" && agent.health !== "Healthy"))
    return ready.message;
  const trouble = troubleOf(agent);
  if (trouble) return trouble;
  return agent.notes?.[0] ?? null;
}

/** Narrower notes are omitted. */
const LEAST_NOTE = 24;

/** A last column, cut to the width of the terminal; omitted where it is empty or too narrow. */
export function withNotes(
  rows: readonly (readonly string[])[],
  notes: readonly (string | null)[],
  output: Pick<Output, "width" | "paint">,
): readonly (readonly string[])[] {
  const used =
    Math.max(
      ...table(rows)
        .split("\n")
        .map((line) => textWidth(line)),
    ) + 2;
  const room = output.width - used;
  if (notes.every((n) => n === null) || room < LEAST_NOTE) return rows;
  const short = (note: string) => truncate(note.replaceAll(/\s+/g, " "), room);
  return rows.map((cells, i) => [
    ...cells,
    i === 0 ? output.paint("dim", "NOTE") : short(notes[i - 1] ?? ""),
  ]);
}

/** The first generation's two states: a suspect runtime counts as online until it is offline. */
export const onlineWord = (agent: AgentView): "online" | "offline" =>
  agent.runtime && agent.runtime.status !== "offline" ? "online" : "offline";

const HEALTH_ROLE = {
  Healthy: "good",
  Progressing: "accent",
  Degraded: "bad",
  Offline: "bad",
  Missing: "warn",
} as const;

export const healthRole = (health: string) => HEALTH_ROLE[health as keyof typeof HEALTH_ROLE] ?? "plain";

function row(agent: AgentView, output: Output): readonly string[] {
  const { work, tasks } = agent;
  const sync = work ? `${work.step ?? work.action}…` : agent.sync;
  return [
    agent.name,
    agent.type || "–",
    agent.wanted,
    agent.seen,
    output.paint(work ? "accent" : agent.sync === "Synced" ? "good" : "warn", sync),
    output.paint(healthRole(agent.health), agent.health),
    hasNoRuntime(agent) ? "none inside" : agent.runtime ? agent.runtime.status : "–",
    `${tasks.running}${tasks.queued > 0 ? ` +${tasks.queued} queued` : ""}`,
  ];
}

/** Imported, without a runtime: tasks wait. */
const hasNoRuntime = (agent: AgentView): boolean => agent.conditions.some((c) => c.reason === "NoRuntime");

export function footer(fleet: Fleet, output: Output): void {
  const lines: string[] = [];
  if (fleet.sandbox)
    lines.push("sandbox: these are folders and processes of this machine, not virtual machines");
  if (fleet.unobservable) lines.push(`nothing can be seen: ${fleet.unobservable}`);
  if (fleet.foreign)
    lines.push(
      `${fleet.foreign} more ${fleet.foreign === 1 ? "instance is" : "instances are"} not ours and never touched`,
    );
  const empty = fleet.agents.filter(hasNoRuntime).map((a) => a.name);
  if (empty.length > 0)
    lines.push(`imported, without a runtime inside yet, so tasks wait: ${empty.join(", ")}`);
  for (const error of fleet.errors) lines.push(`fleet file not in force: ${error}`);
  if (!fleet.live) lines.push("no loop runs; vm-agent up keeps the fleet in sync");
  if (lines.length > 0) output.out(`\n${lines.map((l) => output.paint("dim", l)).join("\n")}`);
}
