import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { compileCacheFolder } from "./compile-cache.ts";

const top = mkdtempSync(join(tmpdir(), "vm-agent-cache-"));
after(() => rmSync(top, { recursive: true, force: true }));
const mine = process.getuid?.() ?? null;

test("the folder is made for its owner alone, below XDG_CACHE_HOME", () => {
  const base = join(top, "cache");
  assert.equal(compileCacheFolder({ XDG_CACHE_HOME: base }), join(base, "vm-agent"));
  assert.equal(statSync(join(base, "vm-agent")).mode & 0o777, 0o700);
  assert.equal(compileCacheFolder({ XDG_CACHE_HOME: base }), join(base, "vm-agent"), "and used again");
});

test("a folder that others may write to is not used, nor one below such a folder", {
  skip: mine === null,
}, () => {
  const open = join(top, "open");
  mkdirSync(join(open, "vm-agent"), { recursive: true, mode: 0o700 });
  chmodSync(join(open, "vm-agent"), 0o777);
  assert.equal(compileCacheFolder({ XDG_CACHE_HOME: open }), null);
  const shared = join(top, "shared");
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  assert.equal(compileCacheFolder({ XDG_CACHE_HOME: shared }), null);
});

test("a folder of another user is not used", { skip: mine === null }, () => {
  const base = join(top, "theirs");
  assert.notEqual(compileCacheFolder({ XDG_CACHE_HOME: base }), null);
  assert.equal(compileCacheFolder({ XDG_CACHE_HOME: base }, (mine ?? 0) + 1), null);
});

test("where no folder can be made, there is no cache and no error", () => {
  const file = join(top, "file");
  writeFileSync(file, "");
  assert.equal(compileCacheFolder({ XDG_CACHE_HOME: file }), null);
});
