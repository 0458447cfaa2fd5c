/** The global options of a line, for those who read it before or beside the command line itself. */
import type { Flags } from "../base/env.ts";

/** As far as they can be read without the table of commands: in both forms, wherever they stand before `--`; without a value they are not there. */
export function globalFlags(argv: readonly string[]): Flags {
  const flags: { fleet?: string; home?: string; driver?: string } = {};
  for (const [i, arg] of argv.entries()) {
    if (arg === "--") break;
    const [, name, value = argv[i + 1]] = /^--(fleet|home|driver)(?:=(.*))?$/s.exec(arg) ?? [];
    if (value !== undefined && (name === "fleet" || name === "home" || name === "driver"))
      flags[name] = value;
  }
  return flags;
}
