/** A plan in words; its glyphs are the command line's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GLYPHS, summary as coreSummary } from "../../controller/views/explain.ts";
import type { Plan } from "../../controller/core/types.ts";
import { aChange, aPlan } from "../web/testing/fleet.ts";
import { commandOf, fieldRows, hostRows, releasedByName, summary, wouldText } from "./plan-view.ts";
import { actionMark } from "./tones.ts";

test("glyphs and words are those of vm-agent plan", () => {
  for (const [action, { text, words }] of Object.entries(GLYPHS)) {
    const { glyph, word } = actionMark(action);
    assert.deepEqual([glyph, word], [text, words]);
  }
});

test("the last line is that of vm-agent plan", () => {
  assert.equal(summary(aPlan()), coreSummary(aPlan() as unknown as Plan));
  const nothing = { ...aPlan(), changes: [], held: [] };
  assert.equal(summary(nothing), "No changes. The fleet is in sync.");
});

test("fields that differ are old → new; a creation says what it will be; a removal has none", () => {
  const [edit, create] = aPlan().changes;
  assert.deepEqual(edit && fieldRows(edit), [
    { field: "cpu", old: "2", new: "4" },
    { field: "memory", old: "4G", new: "8G" },
  ]);
  assert.deepEqual(create && fieldRows(create), [
    { field: "image", old: null, new: "24.04" },
    { field: "size", old: null, new: "2 cpu, 4G memory, 20G disk" },
  ]);
  assert.deepEqual(fieldRows(aChange("a", "destroy", { after: null })), []);
  const hashes = aChange("a", "update", {
    before: { state: "running", config: "0123456789ab", image: null },
    after: { state: "running", config: "ba9876543210", image: "24.04" },
  });
  assert.deepEqual(fieldRows(hashes), [
    { field: "image", old: "Multipass's default", new: "24.04" },
    { field: "config", old: "01234567", new: "ba987654" },
  ]);
});

test("only a deletion that is held for a person's own reasons is released by its name", () => {
  const [held] = aPlan().held;
  assert.ok(held);
  assert.equal(wouldText(held), "destroy: its document is gone since 3f2c1ab");
  assert.equal(releasedByName(held), true);
  for (const reason of ["foreign", "unproven", "unobservable", "unknown-state", "waiting", "paused"]) {
    assert.equal(releasedByName({ ...held, reason }), false, reason);
  }
  assert.equal(releasedByName({ ...held, would: null }), false);
  assert.equal(releasedByName({ ...held, would: aChange("a", "start") }), false);
});

test("the host's row says where it is too small", () => {
  const plan = aPlan();
  const small = { ...plan, totals: { ...plan.totals, host: { cpu: 4, memory: 2 ** 40, disk: 2 ** 50 } } };
  assert.deepEqual(
    hostRows(small).map((r) => r.over),
    [true, false, false],
  );
  assert.deepEqual(hostRows({ ...plan, totals: { ...plan.totals, host: null } }), []);
});

test("of the words that say what releases something, the command can be taken", () => {
  assert.equal(commandOf("vm-agent apply --allow-delete a-1"), "vm-agent apply --allow-delete a-1");
  assert.equal(commandOf("vm-agent resume a, or write paused: false"), "vm-agent resume a");
  assert.equal(
    commandOf("vm-agent apply --allow-delete a (each by name)"),
    "vm-agent apply --allow-delete a",
  );
  assert.equal(commandOf("mend the fleet files; vm-agent validate shows where"), null);
});
