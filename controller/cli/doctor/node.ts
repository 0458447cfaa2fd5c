/** The version of Node. main.ts refuses an older one than needed before this runs. */
import type { Check } from "./check.ts";
import type { DoctorContext } from "./context.ts";

export const node: Check<DoctorContext> = {
  name: "node",
  run: async () => [{ level: "good", found: `node ${process.versions.node}` }],
};
