/** Columns: the quick way agrees with the slow one, and what is cut or padded has its width. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import stringWidth from "string-width";
import { characters, padEnd, prefix, textWidth, truncate } from "./text-width.ts";

test("wide characters take two columns, combining ones none", () => {
  assert.equal(textWidth("abc"), 3);
  assert.equal(textWidth("日本"), 4);
  assert.equal(textWidth("e\u0301"), 1);
  assert.equal(textWidth("🚀"), 2);
  assert.equal(textWidth("👨‍👩‍👧"), 2);
  assert.equal(textWidth("\u001b[31mred\u001b[39m"), 3);
  assert.deepEqual(characters("e\u0301👨‍👩‍👧x"), ["e\u0301", "👨‍👩‍👧", "x"]);
});

test("every character that is measured the quick way is one column wide", () => {
  for (let code = 0x20; code < 0x3000; code++) {
    const text = String.fromCodePoint(code);
    assert.equal(textWidth(text), stringWidth(text), `U+${code.toString(16)}`);
  }
});

test("what is cut or padded has its width, and is a beginning of the text", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 30 });
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 20 }), (whole, width) => {
      assert.ok(textWidth(prefix(whole, width)) <= width);
      assert.ok(whole.startsWith(prefix(whole, width)));
      assert.ok(textWidth(truncate(whole, width)) <= width);
      assert.ok(textWidth(padEnd(whole, width)) >= width);
    }),
  );
});
