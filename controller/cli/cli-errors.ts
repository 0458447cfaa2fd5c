/** Errors of the hub's API as errors of the command line. */
import { EXIT, VmAgentError } from "../base/errors.ts";
import { ApiError } from "../../ui/client/api.ts";

/** Converts a problem document of the hub. */
export async function withCliErrors<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { code, message } = error;
    const { next = error.next, exit = EXIT.failed } = HERE[code] ?? {};
    throw new VmAgentError({ code, message, next, exit, cause: error });
  }
}

/** The hub's next steps name API paths; the command line names commands. */
const HERE: Readonly<Record<string, { readonly next?: string; readonly exit?: number }>> = {
  "agent-unknown": { next: "vm-agent list shows the agents; vm-agent create NAME declares one" },
  "id-ambiguous": { exit: EXIT.usage },
  "message-invalid": { exit: EXIT.usage },
  "no-agent-fits": { next: "vm-agent list shows the agents; declare one that fits under fleet/" },
  "query-invalid": { exit: EXIT.usage },
  "task-invalid": {
    next: "vm-agent task --help lists every type of task with its fields and an example",
    exit: EXIT.usage,
  },
  "task-unknown": { next: "vm-agent tasks lists the latest tasks; old ones are pruned by age" },
};
