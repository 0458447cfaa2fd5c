// The --format option.
import type { Arguments } from "./command.ts";
import { usage } from "../failure.ts";

export type Format = "table" | "json" | "csv" | "yaml";

/** The requested format; the check comes before anything is asked of the daemon. */
export function formatOf(args: Arguments): Format {
  const format = args.value("format") ?? "table";
  if (format === "table" || format === "json" || format === "csv" || format === "yaml") return format;
  throw usage("Invalid format type given.");
}
