/** `vm-agent multipass ARGS…`: the Multipass in use, with this terminal's own input and output. */
import { handOver } from "../../base/hand-over.ts";
import { openWorld } from "../system/world.ts";
import type { CommandRun } from "../command-spec.ts";

export const multipass: CommandRun = async ({ settings, args }) => {
  await using world = await openWorld(settings, {});
  const { executable } = await world.selection();
  return handOver(executable.file, [...executable.args, ...args], executable.env);
};
