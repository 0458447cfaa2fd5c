/** docs/multipass.md against the tree: every file that it names is there, and every test that it quotes has that name. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(import.meta.url).split(/\/(?:dist\/)?provisioning\//)[0]!;
const rows = readFileSync(join(ROOT, "docs/multipass.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| observed"))
  .map((line) => line.slice(1, -1).split("|"));

test("every statement has its place and its test, or says that nothing depends on it", () => {
  assert.ok(rows.length > 50, `${rows.length} rows`);
  for (const cells of rows) {
    const [statement = "", place = "", shown = ""] = cells.map((cell) => cell.trim());
    assert.equal(cells.length, 3, statement);
    assert.ok(place !== "", statement);
    assert.ok(shown === "–" || shown.includes("`"), statement);
  }
});

test("files that are named are there, and tests that are quoted are in them", () => {
  const missing: string[] = [];
  for (const [statement = "", ...cells] of rows) {
    for (const cell of cells.flatMap((text) => text.split(" · "))) {
      // A quotation without a file is of the file before it.
      const paths = [...cell.matchAll(/`((?:agent|controller|provisioning|schemas)\/[\w./-]+)`/g)].map(
        (m) => m[1] ?? "",
      );
      for (const path of paths) if (!existsSync(join(ROOT, path))) missing.push(path);
    }
    const shown = cells.at(-1) ?? "";
    let file = "";
    for (const [, path, title] of shown.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
      if (path !== undefined) file = path;
      else if (!existsSync(join(ROOT, file)) || !readFileSync(join(ROOT, file), "utf8").includes(title ?? ""))
        missing.push(`${file}: ${title} (${statement.trim()})`);
    }
  }
  assert.deepEqual(missing, []);
});
