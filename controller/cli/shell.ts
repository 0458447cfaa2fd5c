/** `vm-agent shell NAME`: a shell in a running instance, with this terminal's own input and output. */
import { EXIT, VmAgentError } from "../base/errors.ts";
import { handOver } from "../base/hand-over.ts";
import type { CommandRun } from "./run.ts";
import { openWorld } from "./world.ts";

export const shell: CommandRun = async ({ settings, args }) => {
  const name = args[0] ?? "";
  await using world = await openWorld(settings, {});
  const { driver, executable } = await world.selection();
  const seen = await driver.list();
  if (seen.kind === "unobservable")
    throw new VmAgentError({
      code: "unobservable",
      message: `cannot see whether "${name}" runs: ${seen.reason}`,
      next: "see whether multipass list answers, then try again",
      exit: EXIT.unreachable,
    });
  const state = seen.instances.find((i) => i.name === name)?.state;
  // Multipass would start a stopped one, which is for the fleet to decide.
  if (state !== "Running")
    throw new VmAgentError({
      code: "not-running",
      message: state ? `"${name}" is ${state.toLowerCase()}` : `there is no instance "${name}"`,
      next: state ? `write state: running in its document first` : "vm-agent list shows those of the fleet",
    });
  return handOver(executable.file, [...executable.args, "shell", name], executable.env);
};
