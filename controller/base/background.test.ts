import assert from "node:assert/strict";
import { test } from "node:test";
import { inBackground } from "./background.ts";

test("the failure of work that is not waited for is reported to who began it", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  inBackground(Promise.reject(new Error("broken")), resolve);
  assert.match(String(await promise), /broken/);
});
