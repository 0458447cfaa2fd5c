/** The screen for screen readers: sentences from top to bottom, independent of position. Pure. */
import { counts } from "../../client/fleet-filter.ts";
import { count, percent, revision } from "../../client/format.ts";
import { findAgent } from "../../client/model.ts";
import { banners } from "./banners.ts";
import { cursorIn } from "./bodies.ts";
import { dialogLines } from "./dialog-lines.ts";
import { type Line, line, textOf } from "./line.ts";
import { noticeMs } from "./foot-lines.ts";
import type { Frame } from "./screen.ts";
import { markedIn } from "../input/marks.ts";
import { placeOf, spotOf, type Ui } from "../app/state.ts";
import type { World } from "../app/world.ts";

/** Rows that are read at once. */
const ROWS = 10;

export function speechLines(ui: Ui, world: World, { body }: Frame, now: number): readonly Line[] {
  const said: string[] = [header(world), ...banners(world, now).map((b) => b.text)];
  const { filter, top, follow } = spotOf(ui);
  const rows = body.ids.length;
  said.push(
    `${body.title}, ${filter === "" ? count(rows, "row") : `${rows} of ${body.total} rows with "${filter}"`}.`,
  );
  const marked = placeOf(ui).kind === "fleet" ? markedIn(ui, world) : [];
  if (marked.length > 0) said.push(`Marked: ${marked.join(", ")}.`);
  if (rows === 0) said.push(...body.empty);
  const cursor = body.selectable ? cursorIn(ui, body) : -1;
  const first = body.selectable
    ? Math.max(0, Math.min(cursor - ROWS / 2, rows - ROWS))
    : follow
      ? Math.max(0, rows - ROWS)
      : top;
  for (let i = first; i < Math.min(rows, first + ROWS); i++) {
    const id = body.ids[i] ?? "";
    const text =
      placeOf(ui).kind === "fleet" ? sentence(world, id) : textOf(body.row(i)).replace(/\s+/g, " ").trim();
    said.push(i === cursor ? `Selected, ${i + 1} of ${rows}: ${text}` : text);
  }
  if (ui.dialog)
    said.push(
      ...dialogLines(ui, 200, 50)
        .slice(1)
        .map((l) => textOf(l).trim()),
    );
  else if (ui.notice && now - ui.notice.at < noticeMs(ui.notice)) said.push(ui.notice.text);
  else said.push("Press question mark for the keys.");
  return said.map((text) => line(text));
}

function header({ model: { fleet }, stopping }: World): string {
  if (stopping) return "vm-agent is stopping: running steps are finished.";
  if (!fleet) return "vm-agent waits for the hub's first answer.";
  const { all, ready, drifted, held, failing } = counts(fleet.agents);
  const driver = fleet.driver.sandbox
    ? "the sandbox, which has no virtual machines"
    : `${fleet.driver.name} ${fleet.driver.version}`;
  const figures = [
    `${count(all, "agent")}`,
    `${ready} ready`,
    ...(drifted > 0 ? [`${drifted} drifted`] : []),
    ...(held > 0 ? [`${held} held`] : []),
    ...(failing > 0 ? [`${failing} failing`] : []),
  ];
  return `vm-agent ${fleet.version}, fleet at ${revision(fleet.revision)}, on ${driver}: ${figures.join(", ")}.`;
}

function sentence(world: World, name: string): string {
  const agent = findAgent(world.model, name);
  if (!agent) return name;
  const health = world.model.health[name]?.at(-1);
  const { tasks, work, failure } = agent;
  return [
    agent.name,
    agent.type,
    `desired ${agent.wanted}, observed ${agent.seen === "?" ? "nothing" : agent.seen}`,
    agent.sync,
    agent.health,
    work ? `being worked on: ${work.step ?? work.action}` : "",
    failure ? `failed: ${failure.message}` : "",
    health && agent.runtime?.status === "online"
      ? `CPU ${percent(health.cpu)}, memory ${percent(health.memory)}, disk ${percent(health.disk)}`
      : "",
    tasks.running > 0 ? `${count(tasks.running, "task")} running` : "",
    tasks.queued > 0 ? `${tasks.queued} queued` : "",
  ]
    .filter((t) => t !== "")
    .join(", ");
}
