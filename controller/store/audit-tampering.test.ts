/** Every way of editing the audit's file by hand is found, and where; what was pruned by age is no such edit. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import { openStore } from "./sqlite/sqlite.ts";
import type { AuditCheck, AuditLink } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "vm-agent-audit-"));
const path = join(folder, "vm-agent.db");
const noted: AuditLink[] = [];
let count = 0;

before(async () => {
  const store = openStore(path);
  for (let n = 1; n <= 8; n++)
    await store.audit.append({ at: n, actor: "loop", action: "step", subject: `a${n}`, detail: { n } });
  noted.push(...store.audit.list(0, 10).map(({ seq, hash }) => ({ seq, hash })));
  await store.close();
});
after(() => rmSync(folder, { recursive: true }));

/** What a check says of a copy on which this was run by hand. */
async function checkAfter(sql: string, known?: AuditLink): Promise<AuditCheck> {
  const copy = join(folder, `${++count}.db`);
  copyFileSync(path, copy);
  const db = new DatabaseSync(copy);
  db.exec(sql);
  db.close();
  const store = openStore(copy, { readOnly: true });
  const check = store.audit.check(known);
  await store.close();
  return check;
}

describe("the audit after the file was edited", () => {
  it("is whole when nothing was changed", async () => {
    const check = await checkAfter("SELECT 1");
    assert.deepEqual(check, { entries: 8, cut: null, end: noted[7], broken: null, gaps: [] });
  });

  const edits: readonly (readonly [string, string, number])[] = [
    ["a changed detail", `UPDATE audit SET detail = '{"n":99}' WHERE seq = 3`, 3],
    ["a changed time", "UPDATE audit SET at = 7 WHERE seq = 1", 1],
    ["a changed actor", "UPDATE audit SET actor = 'operator' WHERE seq = 8", 8],
    ["a changed hash", `UPDATE audit SET hash = '${"f".repeat(64)}' WHERE seq = 4`, 4],
    ["a removed row", "DELETE FROM audit WHERE seq = 5", 5],
    [
      "a removed row, the rest renumbered",
      "DELETE FROM audit WHERE seq = 5; UPDATE audit SET seq = seq - 1 WHERE seq > 5",
      5,
    ],
    ["the first row removed", "DELETE FROM audit WHERE seq = 1", 1],
    [
      "two rows swapped",
      "UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 100",
      3,
    ],
    [
      "a row put before the first",
      "INSERT INTO audit SELECT 0, at, actor, action, subject, detail, hash FROM audit WHERE seq = 1",
      1,
    ],
    ["a cut-off end", "DELETE FROM audit WHERE seq > 6", 7],
    ["everything removed", "DELETE FROM audit", 1],
    [
      "a cut-off end with its record removed",
      "DELETE FROM audit WHERE seq > 6; DELETE FROM kv WHERE key = 'audit/anchor'",
      7,
    ],
    [
      "a row added by hand",
      "INSERT INTO audit SELECT 9, at, actor, action, subject, detail, hash FROM audit WHERE seq = 8",
      9,
    ],
  ];
  for (const [name, sql, seq] of edits) {
    it(`finds ${name}`, async () => {
      const { broken } = await checkAfter(sql);
      assert.equal(broken?.seq, seq, String(broken?.why));
    });
  }

  it("finds a forged end that is consistent in itself only by a link that was noted elsewhere", async () => {
    const sixth = noted[5];
    const forged = `DELETE FROM audit WHERE seq > 6;
      UPDATE kv SET json = '${JSON.stringify({ cut: null, end: sixth })}' WHERE key = 'audit/anchor'`;
    assert.equal((await checkAfter(forged)).broken, null, "a chain without a secret cannot know");
    assert.equal((await checkAfter(forged, noted[7])).broken?.seq, 7);
    assert.equal((await checkAfter(forged, noted[5])).broken, null);
  });

  it("tells pruning by age from a removal, and goes on after it", async () => {
    const copy = join(folder, "pruned.db");
    copyFileSync(path, copy);
    const store = openStore(copy);
    assert.equal(await store.audit.prune(4, 100, 100), 3);
    await store.audit.append({ at: 9, actor: "loop", action: "step", subject: "a", detail: {} });
    assert.deepEqual(store.audit.check().cut, noted[2]);
    assert.equal(store.audit.verify(), null);
    await store.close();
    const db = new DatabaseSync(copy);
    db.exec("DELETE FROM audit WHERE seq = 4");
    db.close();
    const spoiled = openStore(copy);
    assert.equal(spoiled.audit.verify(), 4);
    await spoiled.close();
  });
});
