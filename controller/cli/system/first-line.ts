/** The line that `up` and its log begin with. */
import type { Invocation } from "../command-spec.ts";

export const firstLine = ({
  output,
  settings,
  version,
}: Pick<Invocation, "output" | "settings" | "version">): string =>
  `${output.paint("strong", `vm-agent ${version}`)}   fleet ${settings.fleet}`;
