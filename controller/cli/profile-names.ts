/** The names of the profiles in a fleet folder, also of those that no agent uses yet. */
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { filesOnDisk } from "../reconcile/fleet-files.ts";

export function profileNames(fleet: string, home: string): readonly string[] {
  return filesOnDisk(fleet, home)
    .list()
    .files.map(({ absolute }) => readFileSync(absolute, "utf8"))
    .filter((text) => /\bProfile\b/.test(text))
    .flatMap((text) => [...parseAllDocuments(text, { logLevel: "silent" })])
    .map((document) => document.toJS() as { readonly kind?: unknown; readonly name?: unknown } | null)
    .flatMap((js) => (js?.kind === "Profile" && typeof js.name === "string" ? [js.name] : []))
    .sort();
}
