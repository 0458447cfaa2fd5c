/** What the README quotes exists: its fleet files are valid, and its table has every type of task with what it needs. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../base/paths.ts";
import { loadFleet } from "../../fleet/source.ts";

const readme = readFileSync(join(packageRoot(), "README.md"), "utf8");

test("the README's fleet files are valid", async (t) => {
  const blocks = [...readme.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
  assert.ok(blocks.length > 0);
  for (const text of blocks) {
    const folder = mkdtempSync(join(tmpdir(), "vm-agent-readme-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "fleet.yaml"), text);
    const read = await loadFleet(folder);
    assert.ok(read.ok, JSON.stringify(read, null, 2));
  }
});

test("the README's table of tasks has every type and every field that it needs or takes alone", () => {
  const { $defs } = JSON.parse(readFileSync(join(packageRoot(), "schemas", "task.schema.json"), "utf8")) as {
    readonly $defs: Readonly<
      Record<
        string,
        {
          readonly required?: readonly string[];
          readonly properties: Readonly<Record<string, { readonly const?: string }>>;
        }
      >
    >;
  };
  const section = /^## Tasks\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  const common = new Set(Object.keys($defs.TaskOptions?.properties ?? {}));
  for (const { required = [], properties } of Object.values($defs)) {
    const type = properties.type?.const;
    if (type === undefined) continue;
    const row = rows.find((line) => line.split("|")[1]?.includes(`\`${type}\``));
    assert.ok(row, `${type} has no row`);
    for (const field of Object.keys(properties).filter((name) => name !== "type" && !common.has(name)))
      assert.ok(
        row.split("|")[required.includes(field) ? 2 : 3]?.includes(`\`${field}\``),
        `${type}: ${field}`,
      );
  }
  for (const field of common) assert.ok(section.includes(`\`${field}\``), field);
});
