/** `vm-agent why NAME`: the cause of an agent's state, and what happens next; with a running hub or without. */
import { join } from "node:path";
import { positiveNumber } from "../../base/env.ts";
import { systemClock } from "../../base/clock.ts";
import { EXIT } from "../../base/errors.ts";
import type { InstanceState } from "../../core/types.ts";
import { clampWidth, wrap } from "../../views/lines.ts";
import { instanceNameOf } from "../../core/renames.ts";
import { type WhyFacts, why as sentences } from "../../views/why.ts";
import { readJournal } from "../../loop/report/journal.ts";
import type { Api } from "../../../ui/client/api.ts";
import type { AgentView, TaskView } from "../../../ui/client/types.ts";
import { fileHistory } from "./file-history.ts";
import { healthRole, lookOurselves } from "./list.ts";
import { unknownAgent } from "../names.ts";
import { type Output, shownPath } from "../output/output.ts";
import type { CommandRun } from "../command-spec.ts";
import { type CommandContext, openContext } from "../system/command-context.ts";

const LABEL = 12;

export const why: CommandRun = async ({ settings, output, args }) => {
  await using world = await openContext(settings, { color: output.color, width: output.width });
  const name = instanceNameOf(args[0] ?? "", world.store().claims.list());
  const found = await look(world);
  const journal = readJournal(world.store().kv, name);
  const agent = found.agents.find((a) => a.name === name) ?? (journal.length > 0 ? gone(name) : null);
  if (!agent) {
    const state = await foreignState(world, name);
    if (state !== null) return foreign(output, name, state);
    throw unknownAgent(
      name,
      found.agents.map((a) => a.name),
    );
  }
  const { source } = agent;
  const path = source && join(settings.fleet, source.file);
  const facts: WhyFacts = {
    agent: { ...agent, source: source && path !== null ? { ...source, file: shownPath(path) } : null },
    written: path === null ? null : await fileHistory(path),
    driver: found.driver,
    seenAt: found.seenAt,
    change: found.change(agent),
    journal,
    tasks: agent.tasks.running > 0 ? await found.tasks(name) : [],
    live: found.live,
    drainMs: positiveNumber(process.env, "VM_AGENT_DRAIN_TIMEOUT", 600) * 1000,
    now: systemClock.now(),
  };
  const lines = sentences(facts, timeOf(facts.now));
  if (output.json) {
    output.out(JSON.stringify({ ...facts, sentences: lines }, null, 2));
    return EXIT.done;
  }
  output.out(
    `${output.paint("strong", name)} is ${agent.sync} and ${output.paint(healthRole(agent.health), agent.health)}.`,
  );
  for (const { label, text } of lines)
    wrap(text, clampWidth(output.width) - LABEL).forEach((part, i) => {
      output.out(output.paint("dim", `  ${(i === 0 ? label : "").padEnd(LABEL - 2)}`) + part);
    });
  return EXIT.done;
};

/**
 * The state of an undeclared and unclaimed instance; null: there is none of this name, or instances are unobservable.
 */
async function foreignState(world: CommandContext, name: string): Promise<InstanceState | null> {
  const seen = await (await world.selection()).driver.list();
  return (seen.kind === "seen" && seen.instances.find((i) => i.name === name)?.state) || null;
}

function foreign(output: Output, name: string, state: InstanceState): number {
  const next = `vm-agent import ${name} writes it down and makes it ours`;
  if (output.json)
    output.out(JSON.stringify({ agent: null, instance: { name, state, ours: false }, next }, null, 2));
  else {
    output.out(
      `Multipass has an instance ${output.paint("strong", name)} (${state}), and it is not ours: it is never touched.`,
    );
    output.out(`  ${next}.`);
  }
  return EXIT.done;
}

interface Look {
  readonly agents: readonly AgentView[];
  readonly driver: string;
  readonly seenAt: number | null;
  readonly live: boolean;
  readonly change: (agent: AgentView) => WhyFacts["change"];
  readonly tasks: (agent: string) => Promise<WhyFacts["tasks"]>;
}

async function look(world: CommandContext): Promise<Look> {
  const hub = await world.hub();
  if (hub) return lookThrough(hub.api);
  const { fleet, found } = await lookOurselves(world, "loop");
  return {
    agents: fleet.agents,
    driver: (await world.selection()).kind,
    seenAt: found.observed.at,
    live: false,
    change: ({ name }) => found.plan.changes.find((c) => c.agent === name) ?? null,
    tasks: async () => [],
  };
}

async function lookThrough(api: Api): Promise<Look> {
  const [fleet, plan] = await Promise.all([api.getFleet(), api.getPlan()]);
  return {
    agents: fleet.agents,
    driver: fleet.driver.name,
    seenAt: fleet.seenAt ?? null,
    live: true,
    // The hub's plan is that of a person; the loop's own holds differ.
    change: ({ name, sync }) => (sync === "OutOfSync" && plan?.changes.find((c) => c.agent === name)) || null,
    async tasks(agent) {
      const { tasks } = await api.listTasks({ agent, state: ["running"] });
      return tasks.map((t) => ({ id: t.id, what: whatOf(t), since: t.startedAt ?? t.createdAt }));
    },
  };
}

/** The command of a task, shortened. */
function whatOf({ type, spec }: TaskView): string {
  const command = typeof spec.command === "string" ? spec.command.replaceAll(/\s+/g, " ") : "";
  return command === "" ? type : command.length > 40 ? `${command.slice(0, 39)}…` : command;
}

/** Undeclared and absent; its last change is still recorded. */
const gone = (name: string): AgentView => ({
  name,
  document: name,
  type: "",
  labels: {},
  capabilities: [],
  wanted: "absent",
  seen: "absent",
  size: null,
  seenSize: null,
  ipv4: [],
  runtime: null,
  tasks: { running: 0, queued: 0 },
  snapshots: null,
  held: [],
  source: null,
  sync: "Synced",
  health: "Missing",
  conditions: [],
  work: null,
  failure: null,
});

/** The time of day, with the date if it is not today. */
function timeOf(now: number): (at: number) => string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = (d: Date) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const today = day(new Date(now));
  return (at) => {
    const d = new Date(at);
    const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
    return day(d) === today ? time : `${day(d)} ${time}`;
  };
}
