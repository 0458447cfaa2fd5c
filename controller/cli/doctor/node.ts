/** Which Node runs this. An older one than needed never comes so far: main.ts says so first. */
import type { Check } from "./check.ts";
import type { Patient } from "./patient.ts";

export const node: Check<Patient> = {
  name: "node",
  run: async () => [{ level: "good", found: `node ${process.versions.node}` }],
};
