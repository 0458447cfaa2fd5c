/** Backups of a database that is being written, and every file that must not be put back, on real files. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { VmAgentError } from "../base/errors.ts";
import { readBackup, restoreDatabase, writeBackup } from "./backup.ts";
import { openStore } from "./sqlite/sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "vm-agent-backup-"));
let here: string;
let count = 0;
beforeEach(() => {
  here = mkdtempSync(join(folder, `${++count}-`));
});
after(() => rmSync(folder, { recursive: true }));

const KEYS = [{ name: "fleet-key", content: Buffer.from("k".repeat(32)) }];
const code = (wanted: string) => (error: unknown) => error instanceof VmAgentError && error.code === wanted;
const at = (name: string) => join(here, name);
const make = (more: { readonly force?: boolean; readonly target?: string } = {}) =>
  writeBackup({
    database: at("vm-agent.db"),
    target: more.target ?? at("backup"),
    keys: KEYS,
    force: more.force ?? false,
    now: 5,
    version: "1.2.3",
  });

/** A database with these keys in it. */
async function database(...keys: readonly string[]): Promise<string> {
  const store = openStore(at("vm-agent.db"));
  for (const key of keys) await store.kv.put(key, true);
  await store.close();
  return at("vm-agent.db");
}

async function keysIn(path: string): Promise<readonly string[]> {
  const store = openStore(path);
  const keys = [...store.kv.all("").keys()];
  await store.close();
  return keys;
}

describe("a backup", () => {
  it("is one private file with keys, is not replaced unasked, and comes back beside the old database", async () => {
    const path = await database("before");
    const about = make();
    assert.deepEqual([about.version, about.keys], ["1.2.3", ["fleet-key"]]);
    assert.equal(statSync(at("backup")).mode & 0o777, 0o600);
    assert.throws(() => make(), code("backup-exists"));
    make({ force: true });
    await database("after");
    const read = readBackup(at("backup"));
    assert.equal(Buffer.from(read.files[0]?.content ?? []).toString(), "k".repeat(32));
    const kept = restoreDatabase(at("backup"), path, 1000);
    assert.deepEqual(await keysIn(path), ["before"]);
    assert.ok(kept && existsSync(kept));
    assert.deepEqual(await keysIn(kept), ["after", "before"]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.ok(!readFileSync(path).includes("k".repeat(32)), "the key is in its own file only");
    assert.deepEqual(
      readdirSync(here).filter((name) => /restoring|tmp/.test(name)),
      [],
    );
  });

  it("holds whole transactions while another process writes, and all that was acknowledged before it began", async () => {
    const path = at("vm-agent.db");
    await database();
    const writer = spawn(
      process.execPath,
      [fileURLToPath(new URL("./testing/writer.js", import.meta.url)), path, "w"],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let said = "";
    writer.stdout.on("data", (part: Buffer) => {
      said += part.toString();
    });
    try {
      for (let round = 0; round < 5; round++) {
        const from = said.length;
        while (said.length < from + 2000) await once(writer.stdout, "data");
        const acknowledged = said.slice(0, said.lastIndexOf("\n")).split("\n");
        make({ target: at(`backup-${round}`) });
        copyFileSync(at(`backup-${round}`), at("copy.db"));
        const store = openStore(at("copy.db"));
        assert.deepEqual(
          acknowledged.filter((id) => store.tasks.get(id) === null),
          [],
        );
        assert.equal(store.audit.verify(), null);
        await store.close();
      }
    } finally {
      writer.kill("SIGKILL");
      await once(writer, "close");
    }
  });

  it("that is damaged, cut short, newer, of another program or none is refused, and nothing changes", async () => {
    const path = await database("stays", ...Array.from({ length: 400 }, (_, i) => `${i} ${"x".repeat(100)}`));
    make();
    const original = readFileSync(at("backup"));
    const bad: readonly (readonly [string, string, () => void])[] = [
      ["cut", "database-corrupt", () => truncateSync(at("cut"), Math.floor(original.length / 2))],
      [
        "header",
        "database-corrupt",
        () => writeFileSync(at("header"), Buffer.from(original).fill(0x5a, 0, 100)),
      ],
      [
        "inside",
        "database-corrupt",
        () => writeFileSync(at("inside"), Buffer.from(original).fill(0x5a, 8192, 40_000)),
      ],
      ["newer", "database-newer", () => sql("newer", "PRAGMA user_version = 9999")],
      ["foreign", "database-corrupt", () => sql("foreign", "PRAGMA application_id = 1")],
      ["bare", "backup-invalid", () => sql("bare", "DROP TABLE backup_about")],
    ];
    for (const [name, expected, spoil] of bad) {
      copyFileSync(at("backup"), at(name));
      spoil();
      assert.throws(() => readBackup(at(name)), code(expected), name);
    }
    assert.throws(() => readBackup(at("nothing")), code("backup-missing"));
    // Damage that the caller did not look for is still found before anything is replaced.
    assert.throws(() => restoreDatabase(at("inside"), path, 1), code("database-corrupt"));
    assert.ok((await keysIn(path)).includes("stays"));
  });

  it("replaces a database that is damaged, and keeps its bytes", async () => {
    const path = await database("good");
    make();
    const damaged = readFileSync(path).fill(0x5a, 0, 2048);
    writeFileSync(path, damaged);
    const kept = restoreDatabase(at("backup"), path, 1000);
    assert.deepEqual(await keysIn(path), ["good"]);
    assert.deepEqual(readFileSync(String(kept)), damaged);
  });

  it("of a damaged or foreign database is refused and leaves nothing behind", async () => {
    const path = await database("x");
    writeFileSync(path, readFileSync(path).fill(0x5a, 0, 2048));
    assert.throws(() => make(), code("database-corrupt"));
    rmSync(path);
    new DatabaseSync(path).close();
    assert.throws(() => make(), code("database-corrupt"));
    assert.deepEqual(
      readdirSync(here).filter((name) => name.startsWith("backup")),
      [],
    );
  });
});

function sql(name: string, statement: string): void {
  const db = new DatabaseSync(at(name));
  db.exec(statement);
  db.close();
}
