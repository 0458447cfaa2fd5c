/** The state folder (`.vm-agent/` by default): private to its owner and ignored by git. Created here only. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toVmAgentError, VmAgentError } from "./errors.ts";

/** Errors: `home-unusable`. */
export function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(join(home, ".gitignore"), "*\n");
  } catch (error) {
    const known = toVmAgentError(error);
    throw new VmAgentError({
      code: "home-unusable",
      message: `cannot use the state folder ${home}: ${(error as Error).message}`,
      next:
        known.code === "disk-full"
          ? known.next
          : "make it writable, or choose another with --home or VM_AGENT_HOME",
      cause: error,
    });
  }
}
