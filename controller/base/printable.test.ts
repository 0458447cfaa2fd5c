/** No sequence that a terminal obeys is left in what guests and files wrote, however it is written or cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  createTerminalFilter,
  jsonText,
  openEnd,
  printable,
  printableText,
  terminalText,
} from "./printable.ts";

const HOSTILE: readonly (readonly [string, string])[] = [
  ["\u001b]52;c;ZXZpbA==\u0007text", "text"],
  ["\u001b]0;title\u001b\\text", "text"],
  ["\u009d0;title\u009ctext", "text"],
  ["\u001b[2J\u001b[1;1Htext", "text"],
  ["\u009b2Jtext", "text"],
  ["\u001b[?1049htext\u001bc", "text"],
  ["\u001bPq#0\u001b\\text", "text"],
  ["\u001b_Gf=100;AAAA\u001b\\text", "text"],
  ["te\u0007x\u0008t\u0000", "text"],
  ["\u202etext\u2066", "text"],
  ["\u001b(0text\u001b#8", "text"],
  ["text\u001b", "text"],
  ["text\u001b[", "text"],
  ["text\u001b]0;never ended", "text"],
];

test("sequences and control characters are removed", () => {
  for (const [hostile, left] of HOSTILE) {
    assert.equal(printable(hostile), left, JSON.stringify(hostile));
    assert.equal(printableText(hostile), left, JSON.stringify(hostile));
    assert.equal(terminalText(hostile), left, JSON.stringify(hostile));
  }
  assert.equal(printable("a\tb\r\nc"), "a b  c");
  assert.equal(printableText("a\tb\r\nc"), "a\tb\nc");
  assert.equal(printable("\u001b[31mred\u001b[0m"), "red");
  assert.equal(terminalText("\u001b[1;38:5:9mred\u001b[0m"), "\u001b[1;38:5:9mred\u001b[0m");
  assert.equal(terminalText("\u009b31mred"), "red", "C1 is no colour");
  for (const fine of ["grüße", "日本", "👩‍💻 ok", "plain"]) assert.equal(printable(fine), fine);
});

const PIECES = [
  "\u001b",
  "[",
  "]",
  "52;c;",
  "31m",
  "2J",
  "\u0007",
  "\u009b",
  "\u009d",
  "\u009c",
  "\\",
  "x",
  "é",
  "\n",
  "\r",
  "\t",
  "P",
  "(0",
  "\u202e",
];
const anyText = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((parts) => parts.join(""));

test("nothing that is left steers a terminal, whatever was put together", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.doesNotMatch(printable(text), /[\0-\x1f\x7f-\x9f\u202e]/);
      assert.doesNotMatch(printableText(text), /[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
      const colours = terminalText(text).replace(/\x1b\[[\d;:]*m/g, "");
      assert.doesNotMatch(colours, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
    }),
    { numRuns: 5000 },
  );
});

test("a stream gives the same however it is cut, and waits for the end of a sequence", () => {
  fc.assert(
    fc.property(anyText, fc.array(fc.nat(30), { maxLength: 6 }), (text, cuts) => {
      const filter = createTerminalFilter();
      const places = [
        ...new Set([0, ...cuts.filter((cut) => cut < text.length)].sort((a, b) => a - b)),
        text.length,
      ];
      const out = places
        .slice(1)
        .map((to, i) => filter.push(text.slice(places[i], to)))
        .join("");
      const { whole } = openEnd(text);
      assert.equal(out, whole.split("\r").map(terminalText).join("\r"));
    }),
    { numRuns: 5000 },
  );
  const filter = createTerminalFilter();
  const out = [
    filter.push("a\u001b]52;c;"),
    ...Array.from({ length: 100 }, () => filter.push("A".repeat(1000))),
  ];
  assert.deepEqual(
    [out.join(""), filter.push("\u0007b")],
    ["a", "b"],
    "a long one is swallowed piece by piece",
  );
});

test("JSON has no raw DEL, C1 and direction marks, and is the same value", () => {
  const value = { a: "\u0085\u009b2J\u007f\u202e\u0007", b: 1 };
  const text = jsonText(JSON.stringify(value));
  assert.match(text, /^[\x20-\x7e]*$/);
  assert.deepEqual(JSON.parse(text), value);
  assert.ok(text.includes("\\u009b2J"));
});
