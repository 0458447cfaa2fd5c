/** The text of a plan: golden at three widths, and what holds of every plan at every width. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { wrap } from "./lines.ts";
import { GLYPHS, explain, lineText, summary, toText } from "./explain.ts";
import { bytes } from "../core/units.ts";
import { makePlan } from "../core/plan.ts";
import { copy, policyArb, sceneArb } from "../core/testing/arbitrary.ts";
import { NOW, desiredOf, observedOf, policyOf } from "../core/testing/build.ts";
import { type GoldenCase, inputs } from "../core/testing/golden.ts";
import { observe } from "../core/testing/world.ts";
import { ACTIONS, type Plan } from "../core/types.ts";

const folder = new URL("../../../controller/views/testdata/explain/", import.meta.url);
const fleet = (): Plan => {
  const golden = parse(readFileSync(new URL("fleet.yaml", folder), "utf8")) as GoldenCase;
  const { desired, observed, policy } = inputs(golden);
  return makePlan(desired, observed, policy, NOW);
};

for (const width of [60, 100, 200]) {
  test(`a fleet at ${width} columns reads as the golden file`, () => {
    const text = `${toText(explain(fleet(), { width }))}\n`;
    const url = new URL(`fleet.${width}.golden.txt`, folder);
    if (process.env.VM_AGENT_UPDATE_GOLDEN === "1") writeFileSync(url, text);
    assert.equal(text, readFileSync(url, "utf8"));
  });
}

test("of every plan: no line is wider than asked, words stand beside every glyph, the last line is exact", () => {
  fc.assert(
    fc.property(
      sceneArb(),
      policyArb,
      fc.integer({ min: 60, max: 200 }),
      ({ desired, world }, policy, width) => {
        const plan = makePlan(desired, observe(copy(world)), policy, world.now);
        const lines = explain(plan, { width }).map(lineText);
        for (const line of lines) assert.ok(line.length <= width, `${line.length} > ${width}: ${line}`);
        const text = lines.join(" ").replaceAll(/ +/g, " ");
        const isNothing = plan.changes.length + plan.held.length === 0;
        const last = isNothing ? "No changes. The fleet is in sync." : summary(plan);
        assert.ok(text.endsWith(last), text);
        for (const change of plan.changes) {
          const { text: glyph, words } = GLYPHS[change.action];
          const opening = lines.find(
            (l) => l.startsWith(glyph.padEnd(4)) && l.slice(4).startsWith(change.agent),
          );
          assert.ok(opening?.includes(words.split(",")[0] ?? words), `${change.action} of ${change.agent}`);
          for (const why of change.why) assert.ok(text.includes(why), why);
        }
        for (const held of plan.held) {
          assert.ok(text.includes(held.message), held.message);
          assert.ok(text.includes(held.release), held.release);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

test("glyphs are those of the contract, and all differ", () => {
  assert.deepEqual(
    ACTIONS.map((a) => GLYPHS[a].text),
    ["+", "~", "!", "-/+", "-", ">", ".", "z", "<", "*", "-*"],
  );
  assert.equal(GLYPHS.held.text, "?");
  const glyphs = Object.values(GLYPHS).map((g) => g.text);
  assert.equal(new Set(glyphs).size, glyphs.length);
});

test("nothing to do is a plain sentence", () => {
  const plan = makePlan(desiredOf([]), observedOf([]), policyOf(), NOW);
  const reported = (agents?: number) =>
    toText(explain(plan, { width: 80, ...(agents !== undefined && { agents }) }));
  assert.equal(reported(3), "No changes. 3 agents are in sync.");
  assert.equal(reported(1), "No changes. 1 agent is in sync.");
  assert.equal(reported(0), "No changes. No agents are declared, and no instances exist.");
  assert.equal(reported(), "No changes. The fleet is in sync.");
});

test("in brief: one line for each block, and the last one", () => {
  const lines = explain(fleet(), { width: 100, glyphsOnly: true }).map(lineText);
  assert.deepEqual(
    lines.slice(0, -1).map((l) => l.slice(0, 3).trim()),
    ["!", "*", "?", "+", "…", "?", ".", "?"],
  );
  assert.match(lines.at(-1) ?? "", /^Plan: /);
});

test("text of people's files does not steer the terminal", () => {
  const guard = { reason: "invalid" as const, message: "bad \u001b[2J file\u0007 name" };
  const { desired, observed, policy } = inputs({
    reason: "",
    desired: { guard },
    observed: { instances: { a: "Running" }, claims: { a: "as-written" } },
  });
  const text = toText(explain(makePlan(desired, observed, policy, NOW), { width: 80 }));
  assert.match(text, /bad file name/);
  assert.ok(!text.includes("\u001b") && !text.includes("\u0007"));
});

test("words wrap at the width, and a word that is longer is cut", () => {
  assert.deepEqual(wrap("one two three", 7), ["one two", "three"]);
  assert.deepEqual(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
  assert.deepEqual(wrap("agents/agent-builder.yaml:6", 20), ["agents/agent-", "builder.yaml:6"]);
  assert.deepEqual(wrap("", 10), []);
});

test("sizes read as they are written", () => {
  const G = 1024 ** 3;
  const reported = [4 * G, 1.5 * G, 512 * 1024 ** 2, 4.26 * G, 1024, 100].map(bytes);
  assert.deepEqual(reported, ["4G", "1.5G", "512M", "4.3G", "1K", "100"]);
});
