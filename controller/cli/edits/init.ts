/** `vm-agent init`: a small commented fleet in an empty folder; existing files are never overwritten. */
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { packageRoot } from "../../base/paths.ts";
import { listFleetFiles } from "../../fleet/files.ts";
import { firstFleet } from "./init-files.ts";
import { shownPath } from "../output/output.ts";
import type { CommandRun } from "../command-spec.ts";

/**
 * Beside the documents that refer to them, so that editors complete for every user of the fleet; hidden from the
 * loader.
 */
const SCHEMAS = ".schemas";

export const init: CommandRun = async ({ settings, output }) => {
  const { fleet, home } = settings;
  if (existsSync(fleet)) {
    const { files } = listFleetFiles(fleet, home);
    if (files[0])
      throw new VmAgentError({
        code: "fleet-exists",
        message: `${shownPath(fleet)} holds ${shownPath(files[0].absolute)} already; no file was changed`,
        next: "vm-agent create NAME adds an agent to it; or choose another folder with --fleet",
      });
  }
  const written: string[] = [];
  const write = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    // Never overwrites, not even a file created just now.
    writeFileSync(path, text, { flag: "wx" });
    written.push(path);
  };
  for (const [file, text] of Object.entries(firstFleet(SCHEMAS))) write(join(fleet, file), text);
  mkdirSync(join(fleet, SCHEMAS), { recursive: true });
  for (const name of ["agent", "common", "fleet", "profile", "snapshot"])
    copyFileSync(
      join(packageRoot(), "schemas", `${name}.schema.json`),
      join(fleet, SCHEMAS, `${name}.schema.json`),
    );
  written.push(join(fleet, SCHEMAS));
  const ignored = ignore(home, fleet);
  if (ignored !== null) written.push(ignored);
  if (output.json) {
    output.out(JSON.stringify({ written }));
    return EXIT.done;
  }
  for (const path of written) output.out(`wrote ${shownPath(path)}`);
  output.out(
    "\nNext:\n" +
      "  vm-agent plan      what would be done\n" +
      "  vm-agent apply     do it, once\n" +
      "  vm-agent up        or keep it so, with the hub that gives agents their tasks",
  );
  return EXIT.done;
};

/**
 * The state folder must not be committed: where it lies beside the fleet, it is added to the ignore file. Null: it is
 * ignored already, or lies elsewhere.
 */
function ignore(home: string, fleet: string): string | null {
  if (relative(dirname(fleet), home) !== basename(home)) return null;
  const path = join(dirname(fleet), ".gitignore");
  const line = `${basename(home)}/`;
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (text.split(/\r?\n/).some((l) => l.replace(/^\//, "").replace(/\/$/, "") === basename(home)))
    return null;
  appendFileSync(path, `${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`);
  return path;
}
