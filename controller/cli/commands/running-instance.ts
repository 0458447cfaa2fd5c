/** Checks that an instance runs before a command is executed in it, because Multipass would start it. */
import { EXIT, VmAgentError } from "../../base/errors.ts";
import type { Executable } from "../../drivers/multipass/call.ts";
import type { CommandContext } from "../system/command-context.ts";

/** The selected Multipass. Throws `not-running`, `unobservable`. */
export async function mustRun(world: CommandContext, name: string): Promise<Executable> {
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
  // Multipass would start a stopped one, which is the fleet's decision.
  if (state !== "Running")
    throw new VmAgentError({
      code: "not-running",
      message: state ? `"${name}" is ${state.toLowerCase()}` : `there is no instance "${name}"`,
      next: state ? `vm-agent start ${name} first` : "vm-agent list shows those of the fleet",
    });
  return executable;
}
