/** What `vm-agent plan` prints, as text to read beside this test: the heading and the plan, in a narrow and a wide terminal. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { parse } from "yaml";
import { GLYPHS, type InFlightText, explain } from "../../views/explain.ts";
import { makePlan } from "../../core/plan.ts";
import { NOW } from "../../core/testing/build.ts";
import { type GoldenCase, inputs } from "../../core/testing/golden.ts";
import { colored, painted } from "../output/output.ts";
import { type Looked, planHeading } from "../output/plan-heading.ts";

const folder = new URL("../../../../controller/cli/plan/testdata/plan-text/", import.meta.url);
type Case = Omit<GoldenCase, "reason" | "expect"> & {
  readonly heading?: Partial<Looked>;
  readonly inFlight?: readonly InFlightText[];
};
const cases = parse(readFileSync(new URL("cases.yaml", folder), "utf8")) as Readonly<Record<string, Case>>;

function printed(
  { heading, inFlight = [], ...known }: Case,
  width: number,
): readonly Parameters<typeof painted>[0][] {
  const { desired, observed, policy } = inputs({ reason: "", ...known });
  const seen = observed.instances;
  const ours = new Set(observed.claims.map((c) => c.name));
  const looked: Looked = {
    version: "0.1.0",
    fleet: "./fleet",
    revision: null,
    git: null,
    driver: "multipass",
    instances:
      seen.kind === "seen"
        ? { all: seen.list.length, foreign: seen.list.filter((i) => !ours.has(i.name)).length }
        : null,
    guard: desired.guard?.message ?? null,
    ...heading,
  };
  const plan = makePlan(desired, observed, policy, NOW);
  return [
    ...planHeading(looked, width),
    ...explain(plan, { width, agents: desired.agents.length, inFlight }),
  ];
}

for (const [name, known] of Object.entries(cases))
  for (const width of [60, 200])
    test(`${name} at ${width} columns reads as the file beside it, with colour and without`, () => {
      const lines = printed(known, width);
      const plain = lines.map((line) => painted(line, { paint: (_role, text) => text }));
      for (const line of plain) assert.ok(line.length <= width, `${line.length} > ${width}: ${line}`);
      const text = `${plain.join("\n")}\n`;
      const url = new URL(`${name}.${width}.golden.txt`, folder);
      if (process.env.VM_AGENT_UPDATE_GOLDEN === "1") writeFileSync(url, text);
      assert.equal(text, readFileSync(url, "utf8"));
      const shown = `${lines.map((line) => painted(line, { paint: colored })).join("\n")}\n`;
      assert.notEqual(shown, text, "there is colour");
      assert.equal(stripVTControlCharacters(shown), text);
    });

test("every kind of item is in one of them, as its glyph with words beside it", () => {
  const all = Object.keys(cases)
    .map((name) => readFileSync(new URL(`${name}.200.golden.txt`, folder), "utf8"))
    .join("\n");
  for (const { text, words } of Object.values(GLYPHS)) {
    const opening = all.split("\n").filter((line) => line.startsWith(text.padEnd(4)));
    assert.ok(
      opening.some((line) => line.includes(words.split(/[,:]/)[0] ?? words)),
      `${text} ${words}`,
    );
  }
});
