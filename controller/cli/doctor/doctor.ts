/** `vm-agent doctor`: checks this machine, Multipass and the fleet, each with finding and next step. Read-only. */
import { textWidth } from "../../views/text-width.ts";
import { EXIT } from "../../base/errors.ts";
import { type Output, type Role, table, counted } from "../output/output.ts";
import type { CommandRun } from "../command-spec.ts";
import { type Check, type CheckResult, type Finding, type Level, runChecks } from "./check.ts";
import { clock } from "./clock.ts";
import { database } from "./database.ts";
import { fleet } from "./fleet.ts";
import { home, tokens } from "./home.ts";
import { hub } from "./hub.ts";
import { instances } from "./instances.ts";
import { multipass } from "./multipass.ts";
import { node } from "./node.ts";
import { createDoctorContext, type DoctorContext } from "./context.ts";
import { ports } from "./ports.ts";
import { reach } from "./reach.ts";
import { room } from "./room.ts";
import { sandbox } from "./sandbox.ts";
import { service } from "./service.ts";
import { watches } from "./watches.ts";

/** In the order in which they are printed. */
export const CHECKS: readonly Check<DoctorContext>[] = [
  node,
  multipass,
  sandbox,
  fleet,
  watches,
  instances,
  room,
  home,
  tokens,
  database,
  hub,
  ports,
  reach,
  clock,
  service,
];

export const doctor: CommandRun = async ({ settings, output }) => {
  const results = await runChecks(CHECKS, createDoctorContext(settings, process.env));
  const findings = results.flatMap((r) => r.findings);
  const blocked = findings.filter((f) => f.level === "bad").length;
  if (output.json) output.out(JSON.stringify(asJson(results), null, 2));
  else {
    output.out(shown(findings, output));
    output.out(`\n${summary(findings)}`);
  }
  return blocked > 0 ? EXIT.failed : EXIT.done;
};

export const asJson = (results: readonly CheckResult[]) => ({
  ok: results.every((r) => r.findings.every((f) => f.level !== "bad")),
  findings: results.flatMap(({ check, durationMs, findings }) =>
    findings.map(({ level, found, next = null }) => ({ check, level, found, next, durationMs })),
  ),
});

const LOOKS: Readonly<Record<Level, readonly [glyph: string, role: Role]>> = {
  good: ["✓", "good"],
  warn: ["!", "warn"],
  bad: ["✗", "bad"],
  skip: ["–", "dim"],
};

/** The next step is beside the finding where both fit into the line, else below it. */
export function shown(findings: readonly Finding[], output: Pick<Output, "width" | "paint">): string {
  const rows = findings.map(({ level, found, next }): readonly string[] => {
    const [glyph, role] = LOOKS[level];
    const head = `${output.paint(role, glyph)} ${found}`;
    return next === undefined ? [head] : [head, next];
  });
  const beside = rows.filter(
    ([head = "", next]) => next !== undefined && textWidth(head) + 2 + textWidth(next) <= output.width,
  );
  const column = Math.max(0, ...beside.map(([head = ""]) => textWidth(head)));
  return rows
    .map(([head = "", next]) => {
      if (next === undefined) return head;
      const fits =
        beside.length > 0 && column + 2 + textWidth(next) <= output.width && textWidth(head) <= column;
      return fits ? table([[head + " ".repeat(column - textWidth(head)), next]]) : `${head}\n    ${next}`;
    })
    .join("\n");
}

function summary(findings: readonly Finding[]): string {
  const count = (level: Level) => findings.filter((f) => f.level === level).length;
  const bad = count("bad");
  const warn = count("warn");
  if (bad > 0) return `${counted(bad, "thing")} in the way, ${counted(warn, "warning")}.`;
  return warn > 0 ? `Nothing is in the way, ${counted(warn, "warning")}.` : "All is well.";
}
