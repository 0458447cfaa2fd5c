/** `vm-agent shell NAME`: a shell in a running instance, with this terminal's input and output. */
import { handOver } from "../../base/process/hand-over.ts";
import type { CommandRun } from "../command-spec.ts";
import { mustRun } from "./running-instance.ts";
import { openContext } from "../system/command-context.ts";

export const shell: CommandRun = async ({ settings, args }) => {
  const name = args[0] ?? "";
  await using world = await openContext(settings, {});
  const { file, args: first, env } = await mustRun(world, name);
  return handOver(file, [...first, "shell", name], env);
};
