/** output.ts: tables that line up whatever colour they carry, ages for people, errors in three parts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { styleText } from "node:util";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { age, createOutput, programName, reportError, table } from "./output.ts";
import { captured } from "../testing/captured.ts";

test("columns are as wide as their widest cell, the last one unpadded", () => {
  assert.equal(
    table([
      ["NAME", "STATE", "NOTE"],
      ["a", "Running", "x"],
      ["agent-builder", "Stopped", ""],
    ]),
    ["NAME           STATE    NOTE", "a              Running  x", "agent-builder  Stopped"].join("\n"),
  );
  assert.equal(table([]), "");
  assert.equal(table([["a"], ["b", "c"]]), "a\nb  c");
});

test("what stands behind wide characters lines up too", () => {
  assert.equal(
    table([
      ["日本語", "x"],
      ["agent", "y"],
      ["e\u0301🚀", "z"],
    ]),
    "日本語  x\nagent   y\ne\u0301🚀     z",
  );
});

test("colour takes no room", () => {
  const red = styleText("red", "bad", { validateStream: false });
  assert.equal(
    table([
      [red, "x"],
      ["longer", "y"],
    ]).replaceAll(red, "bad"),
    "bad     x\nlonger  y",
  );
});

test("age, at the edges of its units", () => {
  const s = 1000;
  const cases = [0, 499, 500, 89 * s, 90 * s, 5399 * s, 5400 * s, 36 * 3600 * s - s, 36 * 3600 * s, -5000];
  assert.deepEqual(cases.map(age), [
    "0 s",
    "0 s",
    "1 s",
    "89 s",
    "2 min",
    "90 min",
    "2 h",
    "36 h",
    "2 d",
    "0 s",
  ]);
});

test("an error says what failed, why and what to do next; its exit code is its own", () => {
  const output = captured();
  const error = new VmAgentError({
    code: "hub-unreachable",
    message: "no hub answers",
    next: "start it",
    exit: EXIT.unreachable,
  });
  assert.equal(reportError(error, output, false), 69);
  assert.deepEqual([output.errors, output.lines], [["error: no hub answers", "  start it"], []]);
});

test("errors of fleet files have their label already", () => {
  const output = captured();
  reportError(
    new VmAgentError({ code: "invalid", message: "error: a.yaml:1:1 no", next: "" }),
    output,
    false,
  );
  assert.deepEqual(output.errors, ["error: a.yaml:1:1 no"]);
});

test("for programs it is JSON on standard output too", () => {
  const output = captured({ json: true });
  assert.equal(reportError(new VmAgentError({ code: "x", message: "m", next: "n" }), output, false), 1);
  assert.deepEqual(JSON.parse(output.lines[0] ?? ""), { error: { code: "x", message: "m", next: "n" } });
});

test("an unexpected error has three parts too; its stack only on request", () => {
  const output = captured();
  assert.equal(reportError(new TypeError("oops"), output, false), EXIT.failed);
  assert.equal(output.errors.length, 2);
  reportError(new TypeError("oops"), output, true);
  assert.match(output.errors.at(-1) ?? "", /at .*output\.test/s);
});

test("no colour into a pipe", () => {
  const output = createOutput({ color: false, json: false });
  assert.equal(output.paint("bad", "x"), "x");
  assert.ok(output.width > 0);
});

test("hints name the program as it was called", () => {
  const npm = { npm_execpath: "/usr/lib/npm-cli.js" };
  assert.equal(programName({}), "vm-agent");
  assert.equal(programName({ ...npm, npm_lifecycle_event: "npx" }), "npx vm-agent");
  assert.equal(programName({ ...npm, npm_lifecycle_event: "start" }), "npx vm-agent");
  // A script of another package that runs the installed command.
  assert.equal(programName({ ...npm, npm_lifecycle_event: "deploy" }), "vm-agent");
});
