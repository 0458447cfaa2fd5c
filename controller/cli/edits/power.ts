/** `vm-agent start`, `stop` and `suspend`: set `state:` in the agents' documents and apply it. */
import { EXIT, VmAgentError } from "../../base/errors.ts";
import type { PowerState } from "../../core/types.ts";
import { converge } from "./converge.ts";
import { createFleetEdits } from "./fleet-edits.ts";
import { readFolder } from "./fleet-file.ts";
import type { CommandRun } from "../command-spec.ts";

const power =
  (verb: "start" | "stop" | "suspend", state: PowerState): CommandRun =>
  async (invocation) => {
    const { settings, output, args, options } = invocation;
    const names = options.all ? await everyDocument(invocation) : args;
    if (names.length === 0 || (options.all && args.length > 0))
      throw new VmAgentError({
        code: "usage",
        message: options.all ? "names and --all are given" : "no agent is named",
        next: `vm-agent ${verb} NAME…, or vm-agent ${verb} --all`,
        exit: EXIT.usage,
      });
    return converge(invocation, {
      command: [verb, ...(options.all ? ["--all"] : names)].join(" "),
      edit: () => createFleetEdits(settings, output).setState(names, state),
      action: verb,
    });
  };

const everyDocument = async ({ settings, output }: Parameters<CommandRun>[0]): Promise<readonly string[]> => [
  ...new Set((await readFolder(settings, output)).agents.map((a) => a.document)),
];

export const start = power("start", "running");
export const stop = power("stop", "stopped");
export const suspend = power("suspend", "suspended");
