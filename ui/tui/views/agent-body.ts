/** One agent in full: now, wanted beside seen, the plan for it, conditions, health, snapshots, tasks, events, its YAML. Pure. */
import { textWidth } from "../../../controller/views/text-width.ts";
import { nextWords, workWords } from "../../client/agent-words.ts";
import { compare, holds, isDrifted, troubleOf } from "../../client/fleet-filter.ts";
import { ahead, ago, count } from "../../client/format.ts";
import { findAgent } from "../../client/model.ts";
import { conditionMark, DRIFTED, healthMark, syncMark } from "../../client/tones.ts";
import type { AgentView } from "../../client/types.ts";
import { spark } from "./bars.ts";
import { type Body, hasWords, MARGIN, textBody } from "./body.ts";
import { fit, type Line, line, lineColumns, span, textOf, wrap } from "./line.ts";
import { taskLine, wrapped } from "./list-bodies.ts";
import { changeLines, heldLines } from "./plan-body.ts";
import { hubTime, type World } from "../app/world.ts";

export function agentBody(
  world: World,
  name: string,
  options: {
    readonly width: number;
    readonly filter: string;
    readonly allowed: readonly string[];
    readonly now: number;
  },
): Body {
  const agent = findAgent(world.model, name);
  const gone = world.model.fleet
    ? `There is no agent "${name}" any more.`
    : "Waiting for the hub's first answer…";
  if (!agent) return textBody(name, [], [gone, "Esc leads back."]);
  const { width, now, allowed } = options;
  const lines = agentLines(world, agent, { width: width - MARGIN, now: hubTime(world, now), allowed });
  const kept = options.filter === "" ? lines : lines.filter((l) => hasWords(textOf(l), options.filter));
  return textBody(
    name,
    kept,
    [`Nothing here matches "${options.filter}".`, "Esc shows all again."],
    lines.length,
  );
}

const indented = (text: string, width: number): Line[] =>
  wrap(text, width - 2).map((part) => line(`  ${part}`));

const section = (title: string, more = ""): Line[] => [
  [],
  line(span(title.toUpperCase(), { tone: "dim", bold: true }), span(more, "dim")),
];

function agentLines(
  world: World,
  agent: AgentView,
  {
    width,
    now,
    allowed,
  }: { readonly width: number; readonly now: number; readonly allowed: readonly string[] },
): readonly Line[] {
  return [
    ...title(agent, width),
    ...present(agent, width, now),
    ...section("desired and observed"),
    ...compared(agent),
    ...planned(world, agent.name, width, allowed),
    ...section("conditions"),
    ...conditions(agent, width, now),
    ...health(world, agent, width),
    ...section("snapshots"),
    ...indented(
      agent.snapshots === null
        ? "not read"
        : agent.snapshots.length > 0
          ? agent.snapshots.join(", ")
          : "none",
      width,
    ),
    ...tasks(world, agent.name, now),
    ...events(world, agent.name, width),
    ...written(world, agent, width),
  ];
}

/** Its name is in the line of the page. */
function title(agent: AgentView, width: number): readonly Line[] {
  const marks = [...(isDrifted(agent) ? [DRIFTED] : []), syncMark(agent.sync), healthMark(agent.health)];
  const facts = [
    agent.type,
    agent.ipv4.join(", "),
    Object.entries(agent.labels)
      .map(([k, v]) => `${k}=${v}`)
      .join(" "),
    agent.capabilities.join(" "),
  ].filter((t) => t !== "");
  const states = line(...marks.flatMap((m) => [span(`${m.glyph} ${m.word}`, m.tone), "  "]));
  const [first = "", ...more] = wrap(facts.join("   "), width - lineColumns(states) - 1);
  return [
    [...states, span(` ${first}`, "dim")],
    ...more.map((t) => line(span(`${" ".repeat(lineColumns(states) + 1)}${t}`, "dim"))),
  ];
}

function present(agent: AgentView, width: number, now: number): readonly Line[] {
  const { work, failure, next } = agent;
  const trouble = troubleOf(agent);
  const say = (glyph: string, tone: "accent" | "bad" | "warn" | "dim", text: string): Line[] =>
    wrap(text, width - 4).map((part, i) =>
      line(span(i === 0 ? `  ${glyph} ` : "    ", tone), span(part, tone)),
    );
  return [
    ...(work ? say("◐", "accent", `${workWords(work)}, since ${ago(work.since, now)}`) : []),
    ...(failure
      ? say(
          "✗",
          "bad",
          `${failure.message}; ${failure.next}${failure.retryAt ? `; tried again ${ahead(failure.retryAt, now)}` : ""}`,
        )
      : []),
    ...(trouble ? say(healthMark(agent.health).glyph, "warn", trouble) : []),
    ...holds(agent).flatMap((h) => say("?", "warn", `held: ${h.message}; release: ${h.release}`)),
    ...(next ? say("…", "warn", nextWords(next, now)) : []),
    ...(agent.notes ?? []).flatMap((note) => say("·", "dim", note)),
  ];
}

function compared(agent: AgentView): readonly Line[] {
  const rows = compare(agent);
  const size = Math.min(40, Math.max(12, ...rows.map((r) => textWidth(r.wanted) + 2)));
  return rows.map(({ what, wanted, seen, differs }) =>
    line(
      span(`  ${fit(what, 9)}`, "dim"),
      fit(wanted, size),
      span(seen, differs ? { tone: "warn", bold: true } : {}),
      ...(differs ? [span("  ≠ differs", "warn")] : []),
    ),
  );
}

function planned({ plan }: World, name: string, width: number, allowed: readonly string[]): readonly Line[] {
  const changes = plan?.changes.filter((c) => c.agent === name) ?? [];
  const held = plan?.held.filter((h) => h.agent === name) ?? [];
  if (changes.length === 0 && held.length === 0) return [];
  return [
    ...section("difference"),
    ...changes.flatMap((c) => changeLines(c, width)),
    ...held.flatMap((h) => heldLines(h, width, { allowed: allowed.includes(name), here: false })),
  ];
}

function conditions(agent: AgentView, width: number, now: number): readonly Line[] {
  return agent.conditions.flatMap((c) => {
    const mark = conditionMark(c.type, c.status);
    const head = line(
      `  ${fit(c.type, 12)}`,
      span(fit(`${mark.glyph} ${mark.word}`, 10), mark.tone),
      span(fit(ago(c.since, now), 12), "dim"),
    );
    const parts = wrap(`${c.reason}: ${c.message}`, width - 36);
    return parts.map((part, i) => (i === 0 ? [...head, { text: part }] : line(" ".repeat(36), part)));
  });
}

function health(world: World, agent: AgentView, width: number): readonly Line[] {
  const samples = world.model.health[agent.name] ?? [];
  if (samples.length === 0) return [];
  const cells = Math.min(60, Math.max(10, width - 40));
  const row = (word: string, key: "cpu" | "memory" | "disk"): Line[] => {
    const values = samples.map((s) => s[key]);
    const known = values.flatMap((v) => (v === null ? [] : [v]));
    if (known.length === 0) return [];
    const now = Math.round(known.at(-1) ?? 0);
    return [
      line(
        span(`  ${fit(word, 9)}`, "dim"),
        span(spark(values, Math.min(cells, values.length)), "accent"),
        `  ${now} %`,
        span(`  least ${Math.round(Math.min(...known))}, most ${Math.round(Math.max(...known))}`, "dim"),
      ),
    ];
  };
  return [
    ...section("health", `  ${count(samples.length, "heartbeat")}`),
    ...row("cpu", "cpu"),
    ...row("memory", "memory"),
    ...row("disk", "disk"),
  ];
}

function tasks({ model }: World, name: string, now: number): readonly Line[] {
  const mine = model.tasks.filter((t) => t.agent === name).slice(0, 5);
  if (mine.length === 0) return [];
  return [...section("tasks"), ...mine.map((t) => line("  ", ...taskLine(t, name.length, true, now)))];
}

function events({ model }: World, name: string, width: number): readonly Line[] {
  const mine = model.events.filter((e) => e.agent === name && !e.routine).slice(-12);
  if (mine.length === 0) return [];
  return [
    ...section("events"),
    ...mine.flatMap((e) => wrapped(e, name, width - 2).map((l) => line("  ", ...l))),
  ];
}

function written({ document }: World, agent: AgentView, width: number): readonly Line[] {
  const where = agent.source ? `${agent.source.file}:${agent.source.line}` : "no document";
  if (document?.name !== agent.name) return [...section("spec", `  ${where}`)];
  return [...section("spec", `  ${where}`), ...document.text.split("\n").flatMap((l) => yamlLines(l, width))];
}

/** What does not fit goes on below, further in than it began. */
function yamlLines(text: string, width: number): readonly Line[] {
  const indent = /^\s*/.exec(text)?.[0].length ?? 0;
  const [first = "", ...more] = wrap(text, width - 2);
  if (more.length === 0) return [line(`  ${text}`)];
  const space = " ".repeat(Math.min(indent, Math.floor(width / 3)) + 6);
  const rest = wrap(text.slice(first.length).trimStart(), width - space.length);
  return [line(`  ${first}`), ...rest.map((t) => line(`${space}${t}`))];
}
