/** The names of the profiles in a fleet folder, including unused ones. */
import { parseAllDocuments } from "yaml";
import { readPlainFile } from "../../base/plain-file.ts";
import { filesOnDisk } from "../../fleet/files.ts";

export function profileNames(fleet: string, home: string): readonly string[] {
  return filesOnDisk(fleet, home)
    .list()
    .files.map(({ absolute }) => readPlainFile(absolute).toString("utf8"))
    .filter((text) => /\bProfile\b/.test(text))
    .flatMap((text) => [...parseAllDocuments(text, { logLevel: "silent" })])
    .map((document) => document.toJS() as { readonly kind?: unknown; readonly name?: unknown } | null)
    .flatMap((js) => (js?.kind === "Profile" && typeof js.name === "string" ? [js.name] : []))
    .sort();
}
