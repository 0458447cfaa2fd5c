/** Runs the contract against every store. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CONTRACT } from "./contract.ts";
import { createMemoryStore } from "../memory/memory.ts";
import { openStore } from "../sqlite/sqlite.ts";

describe("store in memory", () => {
  for (const { name, run } of CONTRACT) it(name, () => run(createMemoryStore()));
});

describe("store on SQLite", () => {
  for (const { name, run } of CONTRACT) {
    it(name, async () => {
      const folder = mkdtempSync(join(tmpdir(), "vm-agent-store-"));
      const store = openStore(join(folder, "vm-agent.db"));
      try {
        await run(store);
      } finally {
        await store.close();
        rmSync(folder, { recursive: true });
      }
    });
  }
});
