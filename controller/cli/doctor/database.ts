/** Checks that the database opens, is intact, and has a supported version. */
import { statSync } from "node:fs";
import { bytes } from "../../core/units.ts";
import { LATEST } from "../../store/sqlite/migrate.ts";
import { LOSS_NEXT, lossWords } from "../../store/protection/loss.ts";
import { databasePath } from "../system/home.ts";
import { counted } from "../output/output.ts";
import type { Check, Finding } from "./check.ts";
import { asFinding } from "./check.ts";
import type { DoctorContext } from "./context.ts";

export const database: Check<DoctorContext> = {
  name: "database",
  async run({ settings, stored }) {
    const found = stored();
    if (found.kind === "none")
      return [{ level: "good", found: "the database will be made by the first start" }];
    const lost = found.losses
      .flatMap(lossWords)
      .map((words): Finding => ({ level: "bad", found: `lost or damaged: ${words}`, next: LOSS_NEXT }));
    if (found.kind === "refused") return [asFinding(found.error), ...lost];
    const { size } = statSync(databasePath(settings.home));
    return [
      ...lost,
      {
        level: "good",
        found: `the database opens (${bytes(size)}, schema up to ${LATEST}, ${counted(found.claims.length, "instance")} claimed)`,
      },
    ];
  },
};
