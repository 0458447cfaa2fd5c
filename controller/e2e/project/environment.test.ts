/** The table of environment variables in docs/operations.md against the sources: the same names, each once. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../base/paths.ts";

const NAME = /\bVM_AGENT_[A-Z]+(?:_[A-Z]+)*\b(?!_)/g;
/** Names that tests invent or quote, and the beginnings of names in patterns. */
const NO_VARIABLES = new Set(["VM_AGENT_MY_SECRET", "VM_AGENT_TEST", "VM_AGENT_SANDBOX", "VM_AGENT_NAME"]);

test("docs/operations.md has every environment variable of the sources, and no other", () => {
  const found = new Set<string>();
  for (const folder of ["controller", "agent", "ui", "provisioning", "schemas"])
    for (const file of readdirSync(join(packageRoot(), folder), { recursive: true, encoding: "utf8" }))
      if (/\.(?:tsx?|sh)$/.test(file))
        for (const [name] of readFileSync(join(packageRoot(), folder, file), "utf8").matchAll(NAME))
          if (!NO_VARIABLES.has(name)) found.add(name);
  const page = readFileSync(join(packageRoot(), "docs", "operations.md"), "utf8");
  const listed = [...page.matchAll(/^\| `(VM_AGENT_\w+)` \|/gm)].map(([, name = ""]) => name);
  assert.deepEqual(listed.toSorted(), [...found].sort());
});
