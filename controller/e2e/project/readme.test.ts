/** What README and docs/ quote exists: fleet files and tasks are valid, and docs/tasks.md has every type of task with its fields. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { checkTask } from "../../../schemas/validate-task.ts";
import { packageRoot } from "../../base/paths.ts";
import { loadFleet } from "../../fleet/source.ts";

const page = (...path: string[]): string => readFileSync(join(packageRoot(), ...path), "utf8");
const fenced = (text: string, language: string): readonly string[] =>
  [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, found, body = ""]) =>
    found === language ? [body] : [],
  );
const tasks = page("docs", "tasks.md");

const DOCUMENTS = [["README.md"], ["docs", "fleet-files.md"]];

test("the fleet files of README and docs/fleet-files.md are valid", async (t) => {
  const blocks = DOCUMENTS.map((path) => fenced(page(...path), "yaml"));
  assert.ok(blocks.every((found) => found.length > 0));
  for (const text of blocks.flat()) {
    const folder = mkdtempSync(join(tmpdir(), "vm-agent-readme-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "fleet.yaml"), text);
    const read = await loadFleet(folder);
    assert.ok(read.ok, JSON.stringify(read, null, 2));
  }
});

test("every task in docs/tasks.md is valid, and each type has an example", () => {
  const examples = fenced(tasks, "json")
    .flatMap((text) => text.trimEnd().split("\n"))
    .map((line) => JSON.parse(line) as { readonly type: string });
  for (const example of examples) assert.deepEqual(checkTask(example), [], JSON.stringify(example));
  const schema = JSON.parse(page("schemas", "task.schema.json")) as {
    readonly properties: { readonly type: { readonly enum: readonly string[] } };
  };
  assert.deepEqual(new Set(examples.map(({ type }) => type)), new Set(schema.properties.type.enum));
});

test("the table of docs/tasks.md has every type and every field that it needs or takes alone", () => {
  const { $defs } = JSON.parse(page("schemas", "task.schema.json")) as {
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
  const section = /^# Tasks\n([\s\S]*?)^## /m.exec(tasks)?.[1] ?? "";
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

test("files and folders that the documents name or link to exist", () => {
  const docs = readdirSync(join(packageRoot(), "docs")).map((name) => join("docs", name));
  const missing: string[] = [];
  for (const file of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ...docs]) {
    const text = page(file);
    for (const [, path = ""] of text.matchAll(
      /`((?:controller|agent|schemas|ui|provisioning|docs)\/[\w./@-]+)`/g,
    ))
      if (!["", ".ts", ".tsx"].some((ending) => existsSync(join(packageRoot(), path + ending))))
        missing.push(`${file}: ${path}`);
    for (const [, link = ""] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g))
      if (!existsSync(join(packageRoot(), dirname(file), link))) missing.push(`${file}: ${link}`);
  }
  assert.deepEqual(missing, []);
});
