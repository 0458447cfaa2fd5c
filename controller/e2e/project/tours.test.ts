/** The reading tours of ARCHITECTURE.md: every function that they name is in its file, and their counts are right. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../base/paths.ts";

const STOP = /`([\w/-]+)`\s+\(((?:`#?\w+`(?:,\s+)?)+)\)/g;

test("the reading tours name functions that exist, and count them", () => {
  const text = readFileSync(join(packageRoot(), "ARCHITECTURE.md"), "utf8");
  const section = /^## Two reading tours\n(.*?)^## /ms.exec(text)?.[1] ?? "";
  const tours = section.split(/^(?=\*\*)/m).slice(1);
  assert.equal(tours.length, 2);
  for (const tour of tours) {
    const files = new Set<string>();
    const functions = new Set<string>();
    for (const [, path = "", names = ""] of tour.matchAll(STOP)) {
      const file = `${/^(agent|schemas)\//.test(path) ? "" : "controller/"}${path}.ts`;
      files.add(file);
      const source = readFileSync(join(packageRoot(), file), "utf8");
      for (const [, name = ""] of names.matchAll(/`(#?\w+)`/g)) {
        functions.add(`${file} ${name}`);
        assert.ok(new RegExp(`(?<![\\w#])${name}(?=[(:<]| =)`).test(source), `${file} has no ${name}`);
      }
    }
    const counts = `(${functions.size} functions in ${files.size} files)`;
    assert.ok(tour.includes(counts), counts);
  }
});
