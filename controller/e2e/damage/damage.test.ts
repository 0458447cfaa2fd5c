/** Whatever a killed writer acknowledged is there, or its loss is reported; and nothing is reported where nothing was damaged. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { databasePath } from "../../cli/system/home.ts";
import { lossWords } from "../../store/protection/loss.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { createFixture, until } from "../support/harness.ts";
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
      assert.deepEqual(store.losses().flatMap(lossWords), [], `life ${life}`);
      assert.equal(store.audit.verify(), null);
      await store.close();
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test("up on a log that lost its end: every face says so, no instance is touched, and an acknowledgement ends it", async (t) => {
  const fixture = await createFixture({
    "a.yaml": "kind: Agent\nname: agent-a\ntype: builder\nmemory: 256M\ndisk: 1G\n",
  });
  t.after(() => fixture.close());
  let up = await fixture.up();
  const synced = async () => (await up.api.getFleet()).agents[0]?.sync === "Synced";
  await until("the agent is in sync", synced, 120_000);
  const task = await fixture.cli("task", "agent-a", '{"type":"exec","command":"echo kept"}');
  assert.equal(task.stdout, "kept\n", task.stderr);
  const [{ id = "" } = {}] = (await up.api.listTasks()).tasks;
  await up.end("SIGKILL");
  truncateSync(`${databasePath(fixture.home)}-wal`, 32);

  const doctor = await fixture.cli("doctor");
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, /lost or damaged: the database lost its last \d+ transactions/);
  const verify = await fixture.cli("audit", "verify");
  assert.equal(verify.code, 1);
  assert.ok(verify.stdout.includes(id), `names the task ${id}: ${verify.stdout}`);
  assert.match(verify.stdout, /audit entries \d+ to \d+/);

  const instances = await fixture.states();
  up = await fixture.up();
  await until("it is printed", () => /error: Stored data is lost or damaged/.test(up.output()));
  const fleet = await until("a look", async () => {
    const found = await up.api.getFleet();
    return found.unobservable === null ? null : found;
  });
  assert.equal(fleet.alerts[0]?.level, "bad");
  assert.match(fleet.unobservable ?? "", /may have lost which of them are owned/);
  assert.equal((await up.api.verifyAudit()).intact, false);
  assert.deepEqual(await fixture.states(), instances);

  const acknowledged = await fixture.cli("audit", "acknowledge");
  assert.equal(acknowledged.code, 0, acknowledged.stderr);
  assert.ok(acknowledged.stdout.includes(id));
  await until("the agent is in sync again", synced, 120_000);
  assert.deepEqual((await up.api.getFleet()).alerts, []);
  assert.deepEqual(await fixture.states(), instances);
  assert.equal((await fixture.cli("audit", "verify")).code, 0);
  await up.end();
  assert.equal((await fixture.cli("doctor")).stdout.includes("lost or damaged"), false);
});
