/** `vm-agent up`: says at once what it begins, and loads the rest after that. */
import type { CommandRun, Invocation } from "../run.ts";

export const up: CommandRun = async (invocation) => {
  invocation.output.out(firstLine(invocation));
  const { runUp } = await import("../system/up-run.ts");
  return runUp(invocation);
};

export const firstLine = ({
  output,
  settings,
  version,
}: Pick<Invocation, "output" | "settings" | "version">): string =>
  `${output.paint("strong", `vm-agent ${version}`)}   fleet ${settings.fleet}`;
