/** `vm-agent validate`: shows all errors of the fleet files at once. */
import { trustOf } from "../../base/env.ts";
import { EXIT } from "../../base/errors.ts";
import { errorsAsJson, reportErrors } from "../../fleet/report.ts";
import { loadFleet } from "../../fleet/source.ts";
import { counted, shownPath } from "../output/output.ts";
import type { CommandRun } from "../command-spec.ts";

export const validate: CommandRun = async ({ settings, output }) => {
  const read = await loadFleet(settings.fleet, trustOf(settings));
  if (output.json) {
    output.out(
      JSON.stringify(
        read.ok
          ? { ok: true, agents: read.desired.agents.length, warnings: read.warnings }
          : { ok: false, errors: errorsAsJson(read.errors) },
      ),
    );
    return read.ok ? EXIT.done : EXIT.invalidFleet;
  }
  if (!read.ok) {
    output.err(
      reportErrors(read.errors, {
        color: output.color,
        width: output.width,
        folder: shownPath(settings.fleet),
      }),
    );
    output.err(`\n${counted(read.errors.length, "error")} in ${settings.fleet}`);
    return EXIT.invalidFleet;
  }
  if (read.warnings.length > 0)
    output.err(
      reportErrors(read.warnings, {
        color: output.color,
        width: output.width,
        folder: shownPath(settings.fleet),
      }),
    );
  const { agents, snapshots, guard } = read.desired;
  if (guard) output.err(`${output.paint("warn", "warning:")} ${guard.message}`);
  output.out(
    `${output.paint("good", "valid:")} ${counted(agents.length, "agent")}, ${counted(snapshots.length, "snapshot")} in ${settings.fleet}`,
  );
  return EXIT.done;
};
