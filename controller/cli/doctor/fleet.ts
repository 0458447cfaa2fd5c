/** Checks that the fleet files are valid. */
import { errorLine } from "../../fleet/errors.ts";
import { allowedWords } from "../../fleet/trust.ts";
import { counted, shownPath } from "../output/output.ts";
import type { Check, Finding } from "./check.ts";
import type { DoctorContext } from "./context.ts";

export const fleet: Check<DoctorContext> = {
  name: "fleet",
  async run({ settings, fleet: read }) {
    const found = await read();
    const where = shownPath(settings.fleet);
    if (found.ok) {
      const { agents, snapshots, guard } = found.desired;
      if (guard)
        return [
          {
            level: "warn",
            found: guard.message,
            next: `write an agent into ${where}; nothing is removed while it is so`,
          },
        ];
      const { restricted = false } = found.desired;
      const bounds: readonly Finding[] = restricted
        ? [{ level: "good", found: `the fleet follows a remote; ${allowedWords(settings.allow)}` }]
        : [];
      const notes =
        found.warnings.length === 0
          ? ""
          : `, ${counted(found.warnings.length, "warning")} (vm-agent validate)`;
      return [
        {
          level: "good",
          found: `the fleet ${where} is valid: ${counted(agents.length, "agent")}, ${counted(snapshots.length, "snapshot")}${notes}`,
        },
        ...bounds,
      ];
    }
    const [first] = found.errors;
    return [
      {
        level: "bad",
        found: `the fleet ${where} cannot be used: ${counted(found.errors.length, "error")}${first ? `, the first: ${errorLine(first)}` : ""}`,
        next: "vm-agent validate shows them all; until then the last good fleet stays in force",
      },
    ];
  },
};
