/** global-flags.ts: the global options in both forms, wherever they stand before `--`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { globalFlags } from "./global-flags.ts";

test("they are read in both forms, wherever they stand before --", () => {
  assert.deepEqual(globalFlags(["plan", "--home", "/a", "--driver=sandbox", "--target", "x"]), {
    home: "/a",
    driver: "sandbox",
  });
  assert.deepEqual(globalFlags(["plan", "--fleet=a=b"]), { fleet: "a=b" });
  assert.deepEqual(globalFlags(["drift", "--", "--home", "/a"]), {});
  assert.deepEqual(globalFlags(["plan", "--home"]), {});
});
