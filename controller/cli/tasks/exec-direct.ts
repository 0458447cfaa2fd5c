/** `vm-agent exec --direct`: past the hub, by Multipass; no task, not in the audit, for when no runtime answers. */
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { handOver } from "../../base/hand-over.ts";
import type { Invocation } from "../command-spec.ts";
import { mustRun } from "../commands/running-instance.ts";
import { openWorld } from "../system/world.ts";

/** Resolves with the exit code that Multipass passes on. */
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
  await using world = await openWorld(settings, {});
  const { file, args, env } = await mustRun(world, name);
  const command = [...(options.sudo ? ["sudo"] : []), "sh", "-c", line];
  return handOver(file, [...args, "exec", "--no-map-working-directory", name, "--", ...command], env);
}
