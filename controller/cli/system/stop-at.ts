/** For crash tests: ends this process at a boundary of a step, as `kill -9` would. */
import { existsSync, readFileSync } from "node:fs";
import type { Step } from "../../core/types.ts";

/**
 * `where` is `agent:step:before` or `agent:step:after`, `*` for any agent; or `@FILE`: the content of that file when a
 * boundary is reached, so that a running process can be stopped at a chosen one.
 */
export function stopAt(where: string): (agent: string, step: Step["kind"], edge: "before" | "after") => void {
  return (agent, step, at) => {
    const [name, kind, edge] = (where.startsWith("@") ? read(where.slice(1)) : where).trim().split(":");
    if ((name === "*" || name === agent) && kind === step && edge === at)
      process.kill(process.pid, "SIGKILL");
  };
}

const read = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");
