/** A captured screen as a page: colours, weights, and nothing of the screen taken for markup. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ansiPage } from "./ansi-page.ts";

test("looks begin and end where the terminal says, and letters stay letters", () => {
  const page = ansiPage(
    "plain \x1b[1;31mbold red\x1b[22;39m \x1b[38;5;196ma<b\x1b[0m \x1b[48;2;1;2;3;7mback\x1b[m\n\n",
  );
  assert.match(page, /<span style="color:#cdd9e5">plain <\/span>/);
  assert.match(page, /color:#e5534b;font-weight:700">bold red</);
  assert.match(page, /color:rgb\(255,0,0\)">a&lt;b</);
  assert.match(page, /color:rgb\(1,2,3\);background:#cdd9e5">back</);
  assert.ok(!page.includes("\x1b") && page.endsWith("</pre>"));
});
