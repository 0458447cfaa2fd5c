/** docs/security.md against the tree: each statement names a test, and each test that is named exists. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../base/paths.ts";

const text = readFileSync(join(packageRoot(), "docs", "security.md"), "utf8");
const lines = text.split("\n");
/** With each reference on one line: a title may stand on the line below its file. */
const joined = (part: string): readonly string[] =>
  part.replaceAll(/^( {2}Test: `[^`\n]+`,)\n {2}(?=")/gm, "$1 ").split("\n");
const REFERENCE = /^ {2}Test: `([^`]+)`, "([^"]+)"$/;

test("every statement names a test", () => {
  const statements = text.split(/\n(?=- )/).slice(1);
  assert.ok(statements.length >= 30, `${statements.length} statements`);
  for (const statement of statements) {
    const own = statement.split(/\n\n/)[0] ?? "";
    assert.ok(
      joined(own).some((line) => REFERENCE.test(line)),
      own,
    );
  }
});

test("every test that is named exists", () => {
  const missing: string[] = [];
  for (const line of joined(text).filter((found) => found.includes("Test:"))) {
    const [, file = "", title = ""] = REFERENCE.exec(line) ?? [];
    const path = join(packageRoot(), file);
    const source = file !== "" && existsSync(path) ? readFileSync(path, "utf8") : "";
    if (title === "" || !source.includes(title)) missing.push(line);
  }
  assert.deepEqual(missing, []);
});

test("lines are at most 100 characters, but for tables and names of tests; the README leads here", () => {
  const long = lines.filter((line) => line.length > 100 && !line.startsWith("|") && !REFERENCE.test(line));
  assert.deepEqual(long, []);
  const readme = readFileSync(join(packageRoot(), "README.md"), "utf8");
  const safe = readme.split("## What is safe")[1]?.split("\n## ")[0] ?? "";
  assert.match(safe, /\(docs\/security\.md\)/);
});
