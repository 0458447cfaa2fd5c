/** What only a file can do wrong: newer, damaged, foreign, read-only, full, shared by two processes, killed in the middle. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { hash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { VmAgentError } from "../../base/errors.ts";
import { aTask } from "../testing/contract.ts";
import { lossWords } from "../protection/loss.ts";
import { openStore } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "vm-agent-sqlite-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const freshPath = () => join(folder, `${++count}.db`);
const withCode = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof VmAgentError, String(error));
  assert.equal(error.code, expected);
  assert.ok(error.next.length > 10, "says what to do next");
  return true;
};
/** Hashes of the file and its log; a log that is empty says as much as none. */
const bytes = (path: string) =>
  [path, `${path}-wal`].map((p) =>
    existsSync(p) && statSync(p).size > 0 ? hash("sha256", readFileSync(p)) : "none",
  );

async function filled(path: string, tasks = 50): Promise<void> {
  const store = openStore(path);
  await Promise.all(
    Array.from({ length: tasks }, (_, i) =>
      store.tasks.insert(aTask(`t${i}`, { spec: { x: "y".repeat(500) } })),
    ),
  );
  await store.close();
}

describe("a database file", () => {
  it("reports a damaged page until it is acknowledged, wherever in a large file it is", async () => {
    const path = freshPath();
    // More pages than one block of checksums has.
    const first = openStore(path);
    await Promise.all(Array.from({ length: 12_000 }, (_, i) => first.kv.put(`k${i}`, "y".repeat(500))));
    await first.close();
    const pages = statSync(path).size / 4096;
    assert.ok(pages > 1200, `${pages} pages`);
    const file = openSync(path, "r+");
    writeSync(file, "x", 1100 * 4096 + 2000);
    closeSync(file);
    const store = openStore(path);
    assert.deepEqual(
      store.losses().flatMap(({ pages: damaged }) => damaged.map(({ page }) => page)),
      [1101],
    );
    await store.acknowledge("operator", 1);
    await store.close();
    const again = openStore(path);
    assert.deepEqual(again.losses(), []);
    await again.close();
  });

  it("is read and written again after a crash that left a rollback journal", async () => {
    const whole = freshPath();
    await filled(whole, 3);
    const db = new DatabaseSync(whole);
    db.exec("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; BEGIN; DELETE FROM tasks");
    const fill = db.prepare("INSERT INTO kv (key, json) VALUES (?, ?)");
    // More than the cache holds, so that pages are in the file before the commit.
    for (let i = 0; i < 200; i++) fill.run(`k${i}`, JSON.stringify("x".repeat(1000)));
    for (const options of [{}, { readOnly: true }]) {
      const path = freshPath();
      copyFileSync(whole, path);
      copyFileSync(`${whole}-journal`, `${path}-journal`);
      const store = openStore(path, options);
      assert.equal(store.tasks.open().length, 3);
      assert.equal(store.kv.get("k0"), undefined);
      await store.close();
      assert.equal(existsSync(`${path}-journal`), false);
    }
    db.close();
  });

  it("is private to its owner and remembers after a close", async () => {
    const path = freshPath();
    await filled(path, 3);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const store = openStore(path);
    assert.equal(store.tasks.open().length, 3);
    await store.close();
    await store.close();
    await assert.rejects(store.kv.put("a", 1));
  });

  it("of a newer vm-agent is refused and not touched, its log neither", async () => {
    const path = freshPath();
    await filled(path);
    const db = new DatabaseSync(path);
    db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 99; INSERT INTO kv VALUES ('future', '1')");
    // As a crash leaves it: the newer version number is only in the log.
    const copy = freshPath();
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    db.close();
    const before = bytes(copy);
    assert.notEqual(before[1], "none", "there is a log");
    assert.throws(() => openStore(copy), withCode("database-newer"));
    assert.throws(() => openStore(copy, { readOnly: true }), withCode("database-newer"));
    assert.deepEqual(bytes(copy), before);
  });

  it("that is damaged, cut short, no database, or another program's is refused and not touched", async () => {
    const path = freshPath();
    await filled(path, 200);
    const cases: Record<string, (p: string) => void> = {
      "no database": (p) =>
        writeFileSync(p, "this is a text file, and long enough to be taken for one\n".repeat(100)),
      "cut short": (p) => truncateSync(p, Math.floor(statSync(p).size / 2)),
      damaged: (p) => {
        const content = readFileSync(p);
        content.fill(0xa5, 4096 * 3, 4096 * 12);
        writeFileSync(p, content);
      },
      "another program's": (p) => {
        rmSync(p);
        const db = new DatabaseSync(p);
        db.exec("CREATE TABLE theirs (a)");
        db.close();
      },
      "emptied beside its log": (p) => {
        writeFileSync(p, "");
        writeFileSync(`${p}-wal`, "log");
      },
    };
    for (const [what, spoil] of Object.entries(cases)) {
      const copy = freshPath();
      copyFileSync(path, copy);
      spoil(copy);
      const before = bytes(copy);
      assert.throws(() => openStore(copy), withCode("database-corrupt"), what);
      assert.deepEqual(bytes(copy), before, what);
    }
  });

  it("that cannot be written is refused, or opened for reading when asked", async () => {
    const path = freshPath();
    await filled(path, 2);
    const reading = openStore(path, { readOnly: true });
    assert.equal(reading.tasks.open().length, 2);
    await assert.rejects(reading.kv.put("a", 1), withCode("database-read-only"));
    await reading.close();
    assert.throws(() => openStore(freshPath(), { readOnly: true }), withCode("database-missing"));

    const readOnlyFolder = join(folder, "read-only");
    mkdirSync(readOnlyFolder);
    const copy = join(readOnlyFolder, "vm-agent.db");
    if (process.getuid?.() === 0) {
      // Rights do not bind root: a file system that is mounted read-only does.
      if (!mount(["-t", "tmpfs", "tmpfs", readOnlyFolder])) return;
      try {
        copyFileSync(path, copy);
        execFileSync("mount", ["-o", "remount,ro", readOnlyFolder]);
        assert.throws(() => openStore(copy), withCode("database-read-only"));
      } finally {
        execFileSync("umount", [readOnlyFolder]);
      }
      return;
    }
    copyFileSync(path, copy);
    chmodSync(copy, 0o400);
    assert.throws(() => openStore(copy), withCode("database-read-only"));
  });

  it("that may not grow refuses with disk-full, and works again when there is room", async () => {
    const path = freshPath();
    await filled(path, 1);
    const pages = Math.ceil(statSync(path).size / 4096) + 4;
    const store = openStore(path, { maxPages: pages });
    const big = (id: string) => store.tasks.insert(aTask(id, { spec: { x: "y".repeat(100_000) } }));
    const results = await Promise.allSettled([big("big-1"), store.kv.put("small", 1), big("big-2")]);
    assert.deepEqual(
      results.map((r) => r.status),
      ["rejected", "fulfilled", "rejected"],
    );
    const [first] = results;
    assert.ok(first?.status === "rejected" && withCode("disk-full")(first.reason));
    assert.ok(first.reason.transient);
    assert.equal(store.kv.get("small"), 1);
    await store.close();
  });

  it("on a full disk refuses with disk-full, loses nothing, and works again when there is room", async (t) => {
    const small = join(folder, "small");
    mkdirSync(small);
    if (process.getuid?.() !== 0 || !mount(["-t", "tmpfs", "-o", "size=1m", "tmpfs", small])) {
      return t.skip("needs root to mount a small file system");
    }
    try {
      const store = openStore(join(small, "vm-agent.db"));
      await store.kv.put("before", 1);
      writeFileSync(join(small, "ballast"), "");
      execFileSync("sh", ["-c", `cat /dev/zero > ${join(small, "ballast")} 2>/dev/null || true`]);
      const big = () => store.tasks.insert(aTask("big", { spec: { x: "y".repeat(400_000) } }));
      await assert.rejects(big(), withCode("disk-full"));
      assert.equal(store.kv.get("before"), 1);
      rmSync(join(small, "ballast"));
      await big();
      assert.equal(store.tasks.get("big")?.state, "queued");
      await store.close();
    } finally {
      execFileSync("umount", ["-l", small]);
    }
  });

  it("shows a broken link of the audit where it is", async () => {
    const path = freshPath();
    const store = openStore(path);
    for (const n of [1, 2, 3, 4])
      await store.audit.append({ at: n, actor: "loop", action: "step", subject: "a", detail: { n } });
    await store.close();
    const verify = async (sql: string) => {
      const copy = freshPath();
      copyFileSync(path, copy);
      const db = new DatabaseSync(copy);
      db.exec(sql);
      db.close();
      const spoiled = openStore(copy);
      const broken = spoiled.audit.verify();
      await spoiled.close();
      return broken;
    };
    assert.equal(await verify("SELECT 1"), null);
    assert.equal(await verify("UPDATE audit SET detail = '{\"n\":9}' WHERE seq = 3"), 3);
    assert.equal(await verify("DELETE FROM audit WHERE seq = 2"), 2);
  });
});

describe("the records beside a database", () => {
  const losses = async (path: string) => {
    const store = openStore(path);
    const found = store.losses();
    await store.close();
    return found;
  };

  it("are made for an older database without them, which is no loss", async () => {
    const path = freshPath();
    await filled(path);
    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 4");
    db.close();
    for (const end of ["-pages", "-commits"]) rmSync(`${path}${end}`);
    assert.deepEqual(await losses(path), []);
    assert.ok(existsSync(`${path}-pages`) && existsSync(`${path}-commits`));
  });

  it("are missed where they were and are gone, or where the database is", async () => {
    for (const end of ["-pages", "-commits", ""]) {
      const path = freshPath();
      await filled(path);
      rmSync(`${path}${end}`);
      const [loss] = await losses(path);
      assert.match(loss ? lossWords(loss).join() : "", /is missing/, end);
      // Until it is acknowledged.
      assert.equal((await losses(path)).length, 1);
      const store = openStore(path);
      await store.acknowledge("operator", 1);
      await store.close();
      assert.deepEqual(await losses(path), []);
    }
  });

  it("outlive a close while another process reads, and tell when an older copy was put in the place of the file", async () => {
    const path = freshPath();
    await filled(path);
    const old = freshPath();
    copyFileSync(path, old);
    const store = openStore(path);
    const reader = new DatabaseSync(path, { readOnly: true });
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM tasks").get();
    await store.tasks.insert(aTask("later"));
    await store.close();
    reader.close();
    assert.ok(statSync(`${path}-wal`).size > 0, "the log stays");
    const again = openStore(path);
    assert.deepEqual(again.losses(), []);
    assert.equal(again.tasks.get("later")?.id, "later");
    await again.close();
    copyFileSync(old, path);
    assert.ok(((await losses(path))[0]?.pages.length ?? 0) > 0);
  });

  it("a task that lost writes touched is not run again by itself", async () => {
    const path = freshPath();
    await filled(path, 3);
    const store = openStore(path);
    const task = store.tasks.get("t1");
    assert.ok(task);
    await store.tasks.update({ ...task, state: "running", acceptedAt: 5, startedAt: 5 });
    const copy = freshPath();
    for (const end of ["", "-wal", "-pages", "-commits"]) copyFileSync(`${path}${end}`, `${copy}${end}`);
    await store.close();
    truncateSync(`${copy}-wal`, 32);
    const damaged = openStore(copy);
    assert.deepEqual(damaged.losses()[0]?.tasks, [{ id: "t1", state: "running" }]);
    assert.equal(damaged.tasks.get("t1")?.state, "lost");
    assert.equal(damaged.tasks.get("t2")?.state, "queued");
    await damaged.close();
  });
});

describe("several processes", () => {
  const child = fileURLToPath(new URL("../testing/writer.js", import.meta.url));

  it("one reads while the other writes", async () => {
    const path = freshPath();
    const store = openStore(path);
    const reader = openStore(path, { readOnly: true });
    await store.tasks.insert(aTask("seen"));
    assert.equal(reader.tasks.get("seen")?.id, "seen");
    const script = `import { openStore } from ${JSON.stringify(new URL("./sqlite.js", import.meta.url).href)};
      const s = openStore(${JSON.stringify(path)}, { readOnly: true }); console.log(s.tasks.open().length); await s.close();`;
    await store.tasks.insert(aTask("more"));
    assert.equal(
      execFileSync(process.execPath, ["--input-type=module", "-e", script]).toString().trim(),
      "2",
    );
    await reader.close();
    await store.tasks.insert(aTask("after"));
    await store.close();
  });

  it("nothing that was acknowledged is lost by kill -9", async () => {
    const path = freshPath();
    for (let round = 0; round < 3; round++) {
      const writer = spawn(process.execPath, [child, path, String(round)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let said = "";
      writer.stdout.on("data", (part: Buffer) => {
        said += part.toString();
        if (said.length > 20_000) writer.kill("SIGKILL");
      });
      await new Promise((resolve) => writer.once("close", resolve));
      const acknowledged = said.slice(0, said.lastIndexOf("\n")).split("\n");
      assert.ok(acknowledged.length > 100);
      const store = openStore(path);
      const missing = acknowledged.filter((id) => store.tasks.get(id) === null);
      assert.deepEqual(missing, []);
      assert.equal(store.audit.verify(), null);
      await store.close();
    }
  });
});

function mount(args: readonly string[]): boolean {
  try {
    execFileSync("mount", args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
