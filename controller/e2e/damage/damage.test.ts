/** Whatever a killed writer acknowledged is there, or its loss is reported; and nothing is reported where nothing was damaged. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { databasePath } from "../../cli/home.ts";
import { openStore } from "../../store/sqlite.ts";
import { killAfter, runTrials } from "./trials.ts";

const seed = Number(process.env.VM_AGENT_TEST_SEED ?? randomInt(2 ** 31));

test("50 damaged databases: no loss goes unreported, none is without a name", async (t) => {
  t.diagnostic(`seed ${seed}; npm run damage -- --trials 50 --seed ${seed} repeats it`);
  const { trials, falseAlarms } = await runTrials(50, seed, () => {});
  const wrong = trials.filter(
    ({ outcome, faults, unnamed }) => outcome === "silent" || faults.length > 0 || unnamed.length > 0,
  );
  assert.deepEqual(
    wrong.map((trial) => ({ ...trial, missing: trial.missing.length, unnamed: trial.unnamed.slice(0, 5) })),
    [],
    `seed ${seed}`,
  );
  assert.deepEqual(falseAlarms, [], `seed ${seed}`);
  assert.ok(
    trials.some(({ outcome }) => outcome === "reported"),
    `seed ${seed}`,
  );
});

test("a writer that is killed again and again beside a reader: no false alarm", async () => {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-kills-"));
  try {
    mkdirSync(home, { recursive: true });
    const path = databasePath(home);
    for (let life = 0; life < 6; life++) {
      // A reader that stays keeps the log in use, so that checkpoints are incomplete.
      let reader: DatabaseSync | null = null;
      if (life > 0 && life % 2 === 0) {
        reader = new DatabaseSync(path, { readOnly: true });
        reader.exec("BEGIN");
        reader.prepare("SELECT count(*) FROM tasks").get();
      }
      await killAfter(path, life * 100_000, 20_000 + life * 10_000);
      reader?.close();
      const store = openStore(path);
      assert.deepEqual(store.losses(), [], `life ${life}`);
      assert.equal(store.audit.verify(), null);
      await store.close();
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
