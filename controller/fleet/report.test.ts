import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { test } from "node:test";
import { excerptOf, type FleetError } from "./errors.ts";
import { textWidth } from "../views/text-width.ts";
import { errorsAsJson, reportErrors } from "./report.ts";

const text = "kind: Agent\nname: agent-builder\n# why\n\ntype: builder\ncpu: 2\nmemroy: 8G\n";
const error: FleetError = {
  file: "agents/builder.yaml",
  line: 7,
  column: 1,
  path: "/memroy",
  message: "is not a field of an Agent",
  found: '"memroy"',
  allowed: "cpu, memory",
  suggestion: 'did you mean "memory"?',
  excerpt: excerptOf(text, { line: 7, column: 1, length: 6 }),
  severity: "error",
  kind: "invalid",
};

test("an error as a person sees it", () => {
  const expected = `error: fleet/agents/builder.yaml:7:1 /memroy is not a field of an Agent

    5 | type: builder
    6 | cpu: 2
  > 7 | memroy: 8G
      | ^^^^^^ did you mean "memory"?`;
  assert.equal(reportErrors([error], { color: false, folder: "fleet" }), expected);
  const colored = reportErrors([error], { color: true, folder: "fleet" });
  assert.notEqual(colored, expected);
  assert.equal(stripVTControlCharacters(colored), expected);
});

test("narrow terminals: words wrap, a long line is shown where the caret is", () => {
  const long = `${" ".repeat(4)}- {path: ${"x".repeat(80)}, mdoe: "0600"}\n`;
  const column = long.indexOf("mdoe") + 1;
  const narrow = { ...error, line: 1, column, excerpt: excerptOf(long, { line: 1, column, length: 4 }) };
  const lines = reportErrors([narrow], { color: false, width: 48 }).split("\n");
  for (const line of lines) assert.ok(textWidth(line) <= 48, line);
  const caret = lines.findIndex((line) => line.includes("^"));
  assert.equal(lines[caret]?.indexOf("^^^^"), lines[caret - 1]?.indexOf("mdoe"));
});

test("the caret stands under wide characters and tabs", () => {
  const wide = excerptOf("名前:\té漢x: 1\n", { line: 1, column: 6, length: 1 });
  const lines = reportErrors([{ ...error, excerpt: wide, suggestion: null }], { color: false }).split("\n");
  const before = lines.at(-2)?.split("漢")[0] ?? "";
  assert.equal(textWidth(lines.at(-1)?.split("^")[0] ?? ""), textWidth(before));
});

test("for programs", () => {
  const [json] = errorsAsJson([error]);
  assert.deepEqual(json?.excerpt, ["type: builder", "cpu: 2", "memroy: 8G"]);
  assert.equal(json?.path, "/memroy");
});
