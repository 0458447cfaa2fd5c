/**
 * `vm-agent exec --direct`: runs a command by Multipass without the hub; no task, no audit entry. For when the runtime
 * is offline.
 */
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { handOver } from "../../base/process/hand-over.ts";
import type { Invocation } from "../command-spec.ts";
import { mustRun } from "../commands/running-instance.ts";
import { openContext } from "../system/command-context.ts";

/** Resolves with the exit code of Multipass. */
export async function execDirect(
  { settings, output, options }: Invocation,
  name: string,
  line: string,
): Promise<number> {
  const ofTasks = [
    ["--json", output.json],
    ["--timeout", options.timeout !== undefined],
    ["--output", options.output !== undefined],
    [options.stdin ? "--stdin" : "--no-stdin", options.stdin !== undefined],
  ].find(([, isGiven]) => isGiven);
  if (ofTasks !== undefined)
    throw new VmAgentError({
      code: "usage",
      message: `${ofTasks[0]} is of tasks, and --direct makes none`,
      next: `vm-agent exec --direct ${name} -- CMD…`,
      exit: EXIT.usage,
    });
  await using world = await openContext(settings, {});
  const { file, args, env } = await mustRun(world, name);
  const command = [...(options.sudo ? ["sudo"] : []), "sh", "-c", line];
  return handOver(file, [...args, "exec", "--no-map-working-directory", name, "--", ...command], env);
}
