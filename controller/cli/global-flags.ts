/** Global options, for code that needs them before the command line is parsed. */
import type { Flags } from "../base/env.ts";

/** Without the command table: both forms, anywhere before `--`; an option without a value is ignored. */
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
