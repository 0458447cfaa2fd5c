/** `vm-agent up`: prints its first line at once, and loads the rest after that. */
import type { CommandRun } from "../command-spec.ts";
import { firstLine } from "../system/first-line.ts";

export const up: CommandRun = async (invocation) => {
  invocation.output.out(firstLine(invocation));
  const { runUp } = await import("../system/up-run.ts");
  return runUp(invocation);
};
