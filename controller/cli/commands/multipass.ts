/** `vm-agent multipass ARGS…`: runs the selected Multipass with this terminal's input and output. */
import { handOver } from "../../base/process/hand-over.ts";
import { openContext } from "../system/command-context.ts";
import type { CommandRun } from "../command-spec.ts";

export const multipass: CommandRun = async ({ settings, args }) => {
  await using world = await openContext(settings, {});
  const { executable } = await world.selection();
  return handOver(executable.file, [...executable.args, ...args], executable.env);
};
