/** Ceilings of a fleet: agents, snapshots, files, documents, tokens, nesting, aliases, labels. What is too much is not computed first. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { errorLine } from "./errors.ts";
import { bounded } from "./files.ts";
import { type FleetRead, loadFleet } from "./load.ts";
import { parseFleetText } from "./parse.ts";

const agent = (name: string, more = "") => `kind: Agent\nname: ${name}\n${more}`;
const linesOf = (read: FleetRead) => (read.ok ? [] : read.errors.map(errorLine));

function load(t: TestContext, documents: readonly string[]): Promise<FleetRead> {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-limits-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "fleet.yaml"), documents.join("---\n"));
  return loadFleet(folder);
}

test("more agents than limits.agents: one error with the largest documents and their counts, and nothing is expanded", async (t) => {
  const many = Array.from({ length: 100 }, (_, i) => agent(`a${i}`, "replicas: 1000\n"));
  const read = await load(t, many);
  const named = [0, 1, 2, 3, 4].map((i) => `a${i} (fleet.yaml:${1 + 4 * i}) 1000`).join(", ");
  assert.deepEqual(linesOf(read), [
    `fleet.yaml:3:11 /replicas is too much for limits.agents, 1000 by default; the fleet declares 100000 agents: ${named}, and 95 more documents; lower replicas, or raise limits.agents in the Fleet document`,
  ]);
});

test("limits.agents counts replicas, is 1,000 by default, and is raised on purpose", async (t) => {
  const thousand = agent("a", "replicas: 1000\n");
  const exact = await load(t, [thousand]);
  assert.ok(exact.ok && exact.desired.agents.length === 1000);
  assert.equal(linesOf(await load(t, [thousand, agent("b")])).length, 1);
  const raised = await load(t, [thousand, agent("b"), "kind: Fleet\nlimits: {agents: 1001}\n"]);
  assert.ok(raised.ok && raised.desired.agents.length === 1001);
  const lowered = await load(t, [agent("a"), agent("b"), "kind: Fleet\nlimits: {agents: 1}\n"]);
  assert.match(
    linesOf(lowered)[0] ?? "",
    /^fleet\.yaml:8:18 \/limits\/agents is 1, and the fleet declares 2 agents: a \(/,
  );
});

test("snapshots of one agent, and those with a selector", async (t) => {
  const snapshot = (i: number, of: string) => `kind: Snapshot\nname: s${i}\n${of}\n`;
  for (const of of ["agent: a", "selector: {type: worker}"]) {
    const documents = Array.from({ length: 101 }, (_, i) => snapshot(i, of));
    assert.deepEqual(linesOf(await load(t, [agent("a"), ...documents.slice(0, 100)])), []);
    assert.match(
      linesOf(await load(t, [agent("a"), ...documents]))[0] ?? "",
      /^fleet\.yaml:\d+:7 \/name is one of 101 snapshots (of one agent|with a selector), and 100 are the most/,
    );
  }
});

test("files of a fleet: by number and by size; nothing of them is read", () => {
  const files = (count: number, size: number) =>
    Array.from({ length: count }, (_, i) => ({ path: `${i}.yaml`, absolute: `/${i}`, stamp: "", size }));
  assert.equal(bounded({ files: files(20_000, 100), errors: [] }).files.length, 20_000);
  for (const [count, size, words] of [
    [20_001, 100, /holds 20001 fleet files, and 20000 are the most/],
    [40, 1024 * 1024, /holds 40960 KiB of fleet files, and 32768 KiB are the most/],
  ] as const) {
    const listing = bounded({ files: files(count, size), errors: [] });
    assert.deepEqual(listing.files, []);
    assert.match(listing.errors[0]?.message ?? "", words);
  }
});

const ROOM = 1024 * 1024 - 16;
const TEXTS: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
  "brackets inside of each other": ["[".repeat(ROOM), /nested more than 100 deep/],
  "mappings inside of each other": ["{a: ".repeat(ROOM / 4), /nested more than 100 deep/],
  "lists on one line": ["- ".repeat(ROOM / 2), /nested more than 100 deep/],
  "keys on one line": ["? ".repeat(ROOM / 2), /nested more than 100 deep/],
  indentation: [
    Array.from({ length: 1400 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    /nested more than 100 deep/,
  ],
  "empty documents": ["---\n".repeat(ROOM / 4), /more than 5000 documents/],
  documents: ["--- a\n".repeat(Math.floor(ROOM / 6)), /more than 5000 documents/],
  keys: [Array.from({ length: 80_000 }, (_, i) => `k${i}: x`).join("\n"), /more than 100000 tokens/],
  items: [`a: [${"x,".repeat(400_000)}]`, /more than 100000 tokens/],
  aliases: [`a: &a x\nb: [${"*a,".repeat(300_000)}]`, /more than 100000 tokens/],
  "an alias bomb": [
    `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[..."bcdefghi"].map((key, i) => `${key}: &${key} [${Array(10).fill(`*${"abcdefghi"[i]}`).join(",")}]`).join("\n")}`,
    /aliases expand to too much/,
  ],
};

for (const [what, [text, message]] of Object.entries(TEXTS)) {
  for (const dialect of ["fleet", "cloud-init"] as const) {
    test(`YAML of ${dialect}: ${what}`, () => {
      const { documents, problems } = parseFleetText(text, dialect);
      assert.deepEqual(documents, []);
      assert.match(problems[0]?.message ?? "", message);
    });
  }
}

test("what is large and harmless is read: text in blocks, brackets in texts, a thousand agents in a file", async (t) => {
  const script = "if [[ -n $x ]]; then echo {a,b}: [c]; fi # & * ? -\n".repeat(2000);
  const block = script.replace(/^/gm, "        ");
  const large = agent("a", `provision:\n  files:\n    - path: /opt/x\n      content: |\n${block}\n`);
  const read = await load(t, [large]);
  assert.deepEqual(linesOf(read), []);
  const thousand = Array.from({ length: 1000 }, (_, i) =>
    agent(`a${i}`, "cpu: 1\nmemory: 1G\nenv: {A: b}\n"),
  );
  assert.deepEqual(linesOf(await load(t, thousand)), []);
});

test("keys that are there twice are found at their place, in both dialects", () => {
  for (const dialect of ["fleet", "cloud-init"] as const) {
    const { problems } = parseFleetText("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", dialect);
    assert.deepEqual(
      problems.map(({ message, span }) => [message, span.line, span.column]),
      [['has "c" twice in one mapping', 5, 3]],
    );
  }
});
