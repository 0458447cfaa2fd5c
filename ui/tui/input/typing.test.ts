/** Fields of text: the keys that shells have, letters as people count them, and what is only proposed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Press } from "./press.ts";
import type { Typing } from "../app/state.ts";
import { edit, offered, typed } from "./typing.ts";

const NAMED =
  /^(backspace|delete|left|right|home|end|word-left|word-right|word-backspace|ctrl\+[abdefkuw]|up|esc)$/;
const press = (key: string): Press =>
  NAMED.test(key) ? { name: key, text: "" } : { name: "text", text: key };

/** With a bar where the cursor is. */
function after(from: Typing, ...keys: readonly string[]): string {
  const { text, cursor } = keys.reduce((t, key) => edit(t, press(key)) ?? t, from);
  return `${text.slice(0, cursor)}|${text.slice(cursor)}`;
}

test("what is proposed is replaced by the first letter, emptied by the keys that remove, kept by those that move", () => {
  const at = offered("s-20261122-0914");
  assert.equal(after(at, "m", "i", "n", "e"), "mine|");
  assert.equal(after(at, "pasted whole"), "pasted whole|");
  for (const key of ["backspace", "delete", "ctrl+u", "ctrl+k", "ctrl+w", "word-backspace"])
    assert.equal(after(at, key), "|", key);
  assert.equal(after(at, "left", "x"), "s-20261122-091x|4");
  assert.equal(after(at, "end", "x"), "s-20261122-0914x|");
  assert.equal(after(at, "home", "x"), "x|s-20261122-0914");
  assert.equal(after(at, "m", "backspace"), "|", "it is proposed once");
});

test("arrows, Home and End, words, and what shells have on Ctrl", () => {
  const at = typed("multipass stop agent-one");
  assert.equal(after(at, "word-left"), "multipass stop agent-|one");
  assert.equal(after(at, "word-left", "word-left", "word-left"), "multipass |stop agent-one");
  assert.equal(after(at, "home", "word-right", "word-right"), "multipass stop| agent-one");
  assert.equal(after(at, "word-backspace"), "multipass stop agent-|");
  assert.equal(after(at, "ctrl+w"), "multipass stop |");
  assert.equal(after(at, "ctrl+a", "ctrl+d"), "|ultipass stop agent-one");
  assert.equal(after(at, "ctrl+b", "ctrl+b", "ctrl+f", "ctrl+k"), "multipass stop agent-on|");
  assert.equal(after(at, "left", "left", "ctrl+u"), "|ne");
  assert.equal(edit(at, press("up")), null);
});

test("a letter of several parts goes as one, and no control gets in", () => {
  assert.equal(after(typed("a👩‍👩‍👧"), "backspace"), "a|");
  assert.equal(after(typed("ae\u0301"), "left", "x"), "ax|e\u0301");
  assert.equal(after(typed("👍🏽b"), "home", "delete"), "|b");
  assert.equal(after(typed(""), "a\tb\r\nc\x1b[2J\x9b"), "a b c[2J|");
});

test("whatever is pressed, the cursor stays in the text", () => {
  const keys = fc.array(
    fc.constantFrom("x", "é👍", "backspace", "delete", "left", "right", "word-left", "word-right", "ctrl+k"),
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), keys, (text, all) => {
      let typing = offered(text);
      for (const key of all) typing = edit(typing, press(key)) ?? typing;
      assert.ok(typing.cursor >= 0 && typing.cursor <= typing.text.length);
    }),
  );
});
