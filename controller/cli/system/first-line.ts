/** The first line of `up` and of its log. */
import type { Invocation } from "../command-spec.ts";

export const firstLine = ({
  output,
  settings,
  version,
}: Pick<Invocation, "output" | "settings" | "version">): string =>
  `${output.paint("strong", `vm-agent ${version}`)}   fleet ${settings.fleet}`;
