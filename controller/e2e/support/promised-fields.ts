/** What docs/commands.md promises of `--json`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../base/paths.ts";

/** Command → names of the fields of its value, as the table there has them. */
export function promisedFields(): ReadonlyMap<string, readonly string[]> {
  const page = readFileSync(join(packageRoot(), "docs", "commands.md"), "utf8");
  const table = /\| `--json` of \|[^\n]*\n\|[^\n]*\n((?:\|[^\n]*\n)+)/.exec(page)?.[1] ?? "";
  const ticked = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
  return new Map(
    table
      .trim()
      .split("\n")
      .flatMap((row) => {
        const [, commands, fields] = row.split("|");
        // What stands after a semicolon is so in some cases.
        const [always] = (fields ?? "").split(";");
        return ticked(commands).map((command) => [command, ticked(always)] as const);
      }),
  );
}
