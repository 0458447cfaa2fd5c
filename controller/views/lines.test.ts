/** Lines of a terminal, whatever script they are in: none is wider than asked for, and no word is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { header, lineText, row, wrap } from "./lines.ts";
import { printable } from "../base/printable.ts";
import { textWidth } from "./text-width.ts";

const words = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }), { maxLength: 12 });

test("wrapped text has no line that is wider than asked for, and all of its characters", () => {
  fc.assert(
    fc.property(words, fc.integer({ min: 8, max: 60 }), (list, width) => {
      const lines = wrap(list.join(" "), width, 2);
      for (const [i, line] of lines.entries())
        assert.ok(textWidth(line) <= (i === 0 ? width : width - 2), `${textWidth(line)} > ${width}: ${line}`);
      assert.equal(lines.join("").replaceAll(" ", ""), printable(list.join("")).replaceAll(" ", ""));
    }),
  );
});

test("a wide label and a wide name keep what stands beside them in its column", () => {
  const lines = row("説明", "一 二 三 四 五 六 七 八 九 十", 30).map(lineText);
  assert.deepEqual(lines, ["      説明      一 二 三 四 五", `${" ".repeat(16)}六 七 八 九 十`]);
  const glyph = { text: "+", role: "good" } as const;
  const [wide = "", plain = ""] = ["日本", "name"].map((name) =>
    header(glyph, name, "create", 4, 60).map(lineText).join("\n"),
  );
  assert.equal(textWidth(wide), textWidth(plain));
});
