/** Parsed rows against plain parsing, for any sequence of readings: the same values, and the very same where the text is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createParsedRows } from "./parsed-rows.ts";

const reading = fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 8 });

test("each reading is what parsing all of it would give, and what did not change is the same value", () => {
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 6 }), fc.boolean(), (readings, sorted) => {
      const parsed = createParsedRows<unknown>();
      let before = new Map<string, { readonly text: string; readonly value: unknown }>();
      for (const rows of readings) {
        const keys = sorted ? Object.keys(rows).sort() : Object.keys(rows);
        const texts = keys.map((key) => JSON.stringify(rows[key]));
        const values = parsed(keys, texts);
        assert.deepEqual(
          values,
          texts.map((text) => JSON.parse(text) as unknown),
        );
        const now = new Map(keys.map((key, i) => [key, { text: texts[i] ?? "", value: values[i] }]));
        for (const [key, { text, value }] of sorted ? before : [])
          if (now.get(key)?.text === text) assert.ok(Object.is(now.get(key)?.value, value), key);
        before = now;
      }
    }),
  );
});
