/** `vm-agent history`: revisions that were in force, since when, by whom, with changes and result. */
import { EXIT } from "../../base/errors.ts";
import type { Counts } from "../../core/types.ts";
import { shortRevision } from "../../fleet/git/git.ts";
import { type HistoryEntry, readHistory } from "../../loop/report/history.ts";
import { numberOption } from "../number-option.ts";
import { type Output, age, table } from "../output/output.ts";
import type { CommandRun } from "../command-spec.ts";
import { openContext } from "../system/command-context.ts";

const ROLES = { converged: "good", failed: "bad", held: "warn", superseded: "dim" } as const;

export const history: CommandRun = async ({ settings, output, options }) => {
  const limit = numberOption("--limit", options.limit, 1, 10_000);
  await using world = await openContext(settings, { color: output.color, width: output.width });
  const entries = readHistory(world.store().kv, limit);
  if (output.json) output.out(JSON.stringify({ history: entries }, null, 2));
  else if (entries.length === 0)
    output.out("nothing was in force yet; vm-agent up or vm-agent apply begins the history");
  else output.out(table([HEAD.map((h) => output.paint("dim", h)), ...entries.map((e) => row(e, output))]));
  return EXIT.done;
};

const HEAD = ["when", "revision", "who", "plan", "result", "what"] as const;

function row(entry: HistoryEntry, output: Output): readonly string[] {
  const { at, endedAt, revision, dirty, result, left, subject } = entry;
  const after = result === "converged" ? ` after ${age(endedAt - at)}` : "";
  const names = left.length > 0 ? ` (${left.slice(0, 3).join(", ")}${left.length > 3 ? ", …" : ""})` : "";
  return [
    localTime(at),
    revision === null ? "–" : `${shortRevision(revision)}${dirty ? " and edits" : ""}`,
    entry.who.replace(/ <.*>$/, ""),
    planWords(entry.plan),
    output.paint(ROLES[result], result) + after + names,
    subject ?? (revision === null ? "files as saved" : "not committed"),
  ];
}

function planWords(plan: Counts): string {
  const parts = (
    [
      ["create", plan.create],
      ["change", plan.change],
      ["destroy", plan.destroy],
      ["snapshot", plan.snapshot],
    ] as const
  ).flatMap(([word, n]) => (n > 0 ? [`${n} to ${word}`] : []));
  if (plan.held > 0) parts.push(`${plan.held} held`);
  return parts.length > 0 ? parts.join(", ") : "nothing to do";
}

/** `2026-11-22 23:15`, local time. */
function localTime(at: number): string {
  const d = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`;
}
