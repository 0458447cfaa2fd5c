/** Fuzz targets without sockets: the masking of secrets, the reader of fleet files, the parser of what Multipass prints. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createRedactor, SHORTEST_SECRET } from "../../../agent/tasks/redact.ts";
import { packageRoot } from "../../base/paths.ts";
import {
  parseInfo,
  parseList,
  parseSize,
  parseSnapshots,
  parseVersion,
} from "../../drivers/multipass/parse.ts";
import { classify } from "../../drivers/multipass/failure.ts";
import { recordings } from "../../drivers/testing/testdata.ts";
import type { FleetFiles } from "../../fleet/files.ts";
import { loadFleet } from "../../fleet/load.ts";
import { anyText, type Chance, mutateJson, mutateText } from "./chance.ts";

/** Checks one input; throws when a property does not hold. */
export type Check = (chance: Chance) => void | Promise<void>;

/** Few letters, so that secrets overlap, contain each other, and half of one ends where another begins. */
function secretText(chance: Chance, length: number): string {
  return Array.from({ length }, () => chance.pick(chance.oneIn(12) ? ["é", "\n", " "] : ["a", "b"])).join("");
}

/** The same by definition: at each place the longest secret that is there. */
function masked(text: Buffer, secrets: readonly Buffer[]): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const hit = secrets
      .filter((s) => text.subarray(at, at + s.length).equals(s))
      .sort((a, b) => b.length - a.length)[0];
    out.push(hit ? Buffer.from("***") : text.subarray(at, at + 1));
    at += hit ? hit.length : 1;
  }
  return Buffer.concat(out);
}

export const redactor: Check = (chance) => {
  const values = Array.from({ length: chance.below(4) }, () => secretText(chance, chance.below(12)));
  const parts = Array.from({ length: chance.below(12) }, () =>
    values.length > 0 && chance.oneIn(2) ? chance.pick(values) : secretText(chance, chance.below(9)),
  );
  const text = Buffer.from(parts.join(""));
  const secrets = [...new Set(values.flatMap((v) => [v, v.trim()]))]
    .map((v) => Buffer.from(v))
    .filter((v) => v.length >= SHORTEST_SECRET);
  const redact = createRedactor(values);
  const out: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const to = at + 1 + chance.below(chance.pick([1, 3, 20]));
    out.push(redact.push(text.subarray(at, to)));
    at = to;
  }
  out.push(redact.end());
  assert.equal(
    Buffer.concat(out).toString("latin1"),
    masked(text, secrets).toString("latin1"),
    JSON.stringify({ values, text: text.toString() }),
  );
};

const examples = ["fleet", join("schemas", "examples")]
  .map((folder) => join(packageRoot(), folder))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  )
  .filter((name) => /\.ya?ml$/.test(name))
  .map((name) => readFileSync(name, "utf8"));
const YAML_PIECES = [
  "&a ",
  "*a",
  "<<: *a",
  "? ",
  "!!binary x",
  "|\n  x",
  "- - - ",
  "{a: [",
  "---\n",
  "\t",
  "kind: Agent\n",
  "%YAML 1.1\n",
  "!!js/function ",
  "0o17",
  ".inf",
];

/** A fleet folder of one file that is nowhere; anything else that the file names is not there. */
function folderOf(bytes: Uint8Array): FleetFiles {
  const file = { path: "a.yaml", absolute: "/nowhere/fleet/a.yaml", stamp: "1", size: bytes.length };
  return {
    list: () => ({ files: [file], errors: [] }),
    stamp: () => "1",
    read: (absolute) => {
      if (absolute === file.absolute) return bytes;
      throw Object.assign(new Error("not there"), { code: "ENOENT" });
    },
  };
}

/** The whole loader: a fleet, or errors with places; it rejects never. */
export const yaml: Check = async (chance) => {
  let text = mutateText(chance, chance.pick(examples));
  if (chance.oneIn(2)) {
    const at = chance.below(text.length + 1);
    text = text.slice(0, at) + chance.pick(YAML_PIECES) + text.slice(at);
  }
  const bytes = Buffer.from(text, chance.oneIn(20) ? "utf16le" : "utf8");
  const read = await loadFleet("/nowhere/fleet", { userHome: "/nowhere", files: folderOf(bytes) });
  if (read.ok) return;
  assert.ok(
    read.errors.length > 0 && read.errors.every((error) => error.message.length > 0 && error.file !== ""),
  );
};

const recorded = recordings().filter(({ stdout }) => stdout.length > 0);
const PARSERS = [parseList, parseInfo, parseSnapshots, parseVersion, parseSize] as const;

export const multipass: Check = (chance) => {
  const from = chance.pick(recorded);
  let text = from.stdout;
  if (text.startsWith("{") && chance.oneIn(2)) {
    try {
      text = JSON.stringify(mutateJson(chance, JSON.parse(text), 12));
    } catch {
      // A recording that was cut off itself.
    }
  }
  if (chance.oneIn(2)) text = mutateText(chance, text);
  for (const parse of PARSERS) {
    const parsed = parse(text);
    if (!parsed.ok) assert.ok(parsed.reason.length > 0 && parsed.reason.length < 2000);
  }
  const exitCode = chance.pick([null, 0, 1, 2, 3, 4, 5, 255]);
  const stderr = chance.oneIn(2) ? mutateText(chance, from.stderr) : anyText(chance, 200);
  const failure = classify({ command: from.cmd.split(" ")[0] ?? "", exitCode, stdout: text, stderr });
  if (failure) assert.ok(failure.code.length > 0 && failure.next.length > 0);
};
