/** `vm-agent status NAME`: one agent in full. */
import { EXIT } from "../../base/errors.ts";
import { bytes } from "../../core/units.ts";
import { instanceNameOf } from "../../core/renames.ts";
import { shortRevision } from "../../fleet/git/git.ts";
import type { AgentStats } from "../../../schemas/types.ts";
import { troubleOf } from "../../../ui/client/fleet-filter.ts";
import type { AgentView } from "../../../ui/client/types.ts";
import { unknownAgent } from "../names.ts";
import { footer, healthRole, readFleet } from "./list.ts";
import { type Output, age, table } from "../output/output.ts";
import type { CommandRun } from "../command-spec.ts";
import { type CommandContext, openContext } from "../system/command-context.ts";

interface HubAgent {
  /** 0: no heartbeat yet, and every figure of `health` is 0. */
  readonly lastHealthCheck?: number;
  readonly health?: {
    readonly cpu?: number;
    readonly memory?: { readonly total: number; readonly used: number; readonly percent: number };
    readonly disk?: { readonly percent?: number } | number;
    readonly uptime?: number;
    readonly loadAverage?: readonly number[];
  } | null;
  readonly stats?: Readonly<Partial<AgentStats>>;
}

export const status: CommandRun = async ({ settings, output, args, options }) => {
  await using world = await openContext(settings, { color: output.color, width: output.width });
  const name = instanceNameOf(args[0] ?? "", world.store().claims.list());
  let shown = "";
  for (;;) {
    const text = await describe(world, name, output);
    if (text !== shown) output.out(shown === "" || !output.isTTY ? text : `\n${text}`);
    shown = text;
    if (!options.watch) return EXIT.done;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
};

async function describe(world: CommandContext, name: string, output: Output): Promise<string> {
  const fleet = await readFleet(world);
  const agent = fleet.agents.find((a) => a.name === name);
  if (!agent)
    throw unknownAgent(
      name,
      fleet.agents.map((a) => a.name),
    );
  const hub = await world.hub();
  const known = await hub?.api.getAgent(name).catch(() => null);
  if (output.json) return JSON.stringify({ ...agent, hub: known?.agent ?? null }, null, 2);
  const lines = [
    `${output.paint("strong", agent.name)} is ${agent.sync} and ${output.paint(healthRole(agent.health), agent.health)}.`,
    table(rows(agent, known?.agent ?? null, fleet.live)),
    "",
    table([
      ["CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"].map((h) => output.paint("dim", h)),
      ...agent.conditions.map((c) => [c.type, c.status, age(Date.now() - c.since), c.reason, c.message]),
    ]),
  ];
  for (const held of agent.held)
    lines.push("", `${output.paint("warn", "? held")} ${held.message}`, `    release: ${held.release}`);
  if (agent.failure)
    lines.push(
      "",
      `${output.paint("bad", "✗ failed")} ${agent.failure.message}`,
      `    ${agent.failure.next}`,
    );
  const text = lines.join("\n");
  if (fleet.live && !fleet.sandbox && fleet.errors.length === 0) return text;
  let extra = "";
  footer({ ...fleet, foreign: 0 }, { ...output, out: (line) => (extra += line) });
  return `${text}\n${extra}`;
}

function appliedWords({ revision, dirty, at }: NonNullable<AgentView["applied"]>): string {
  return `${shortRevision(revision ?? "")}${dirty ? " and edits" : ""}, ${age(Date.now() - at)} ago`;
}

function rows(agent: AgentView, hub: HubAgent | null, isLive: boolean): readonly (readonly string[])[] {
  const { size, seenSize, runtime, work } = agent;
  const sized = (s: AgentView["size"]) =>
    s ? `${s.cpu} cpu, ${bytes(s.memory)} memory, ${bytes(s.disk)} disk` : "–";
  const health = hub?.health;
  const trouble = troubleOf(agent);
  const found: [string, string][] = [
    [
      "  Desired",
      `${agent.wanted}, ${sized(size)}${agent.source ? ` (${agent.source.file}:${agent.source.line})` : ""}`,
    ],
    ...(agent.applied?.revision
      ? [["  Applied", appliedWords(agent.applied)] satisfies [string, string]]
      : []),
    [
      "  Observed",
      `${agent.seen}${seenSize ? `, ${sized(seenSize)}` : ""}${agent.ipv4.length > 0 ? `, ${agent.ipv4.join(" ")}` : ""}`,
    ],
    [
      "  Runtime",
      runtime
        ? `${runtime.status}, version ${runtime.version}, heard of ${age(Date.now() - runtime.lastSeen)} ago`
        : isLive
          ? "never heard of"
          : "not heard, for no hub runs",
    ],
    ["  Tasks", `${agent.tasks.running} running, ${agent.tasks.queued} queued`],
  ];
  if (hub?.lastHealthCheck && health?.memory) {
    const load = health.loadAverage ? `, load ${health.loadAverage.map((l) => l.toFixed(2)).join(" ")}` : "";
    found.push([
      "  Health",
      `cpu ${Math.round(health.cpu ?? 0)} %, memory ${health.memory.used} of ${health.memory.total} MB${load}`,
    ]);
  }
  if (trouble) found.push(["  Trouble", trouble]);
  if (agent.type)
    found.push([
      "  Type",
      `${agent.type}${agent.capabilities.length > 0 ? `, can ${agent.capabilities.join(", ")}` : ""}`,
    ]);
  if (agent.snapshots && agent.snapshots.length > 0) found.push(["  Snapshots", agent.snapshots.join(", ")]);
  if (work)
    found.push([
      "  Now",
      `${work.action}: ${work.step ?? "beginning"}${work.detail ? ` ${work.detail}` : ""} for ${age(Date.now() - work.stepSince)}${work.progress ? ` (${work.progress})` : ""}`,
    ]);
  const { next } = agent;
  if (next) {
    const when = next.held
      ? "held"
      : next.at > Date.now()
        ? `again in ${age(next.at - Date.now())}`
        : "as soon as it may be";
    found.push([
      "  Next",
      `${next.what}, attempt ${next.attempt}, ${when}${next.why === "" ? "" : `: ${next.why}`}`,
    ]);
  }
  for (const note of agent.notes ?? []) found.push(["  Note", note]);
  return found;
}
