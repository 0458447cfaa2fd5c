/** Files are replaced as a whole: byte order mark, mode and symbolic link stay. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, readdir, lstat, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setField } from "./edit-yaml.ts";
import { editFile } from "./fleet-file.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vm-agent-file-"));
});
after(() => rm(folder, { recursive: true }));

const pause = (text: string) => setField(text, { kind: "Agent", name: "a" }, "paused", true);

test("the byte order mark and the mode stay, nothing lies beside the file", async () => {
  const path = join(folder, "a.yaml");
  await writeFile(path, "\uFEFFkind: Agent\nname: a\n");
  await chmod(path, 0o640);
  assert.equal(editFile(path, pause), true);
  assert.equal(await readFile(path, "utf8"), "\uFEFFkind: Agent\nname: a\npaused: true\n");
  assert.equal((await stat(path)).mode & 0o777, 0o640);
  assert.deepEqual(await readdir(folder), ["a.yaml"]);
});

test("nothing is written where nothing changes, or where the edit refuses", async () => {
  const path = join(folder, "a.yaml");
  const { ino } = await stat(path);
  assert.equal(editFile(path, pause), false);
  assert.throws(() => editFile(path, (text) => setField(text, { kind: "Agent", name: "b" }, "paused", true)));
  assert.equal((await stat(path)).ino, ino);
});

test("a symbolic link stays one", async () => {
  const path = join(folder, "link.yaml");
  await writeFile(join(folder, "real.yaml"), "kind: Agent\nname: a\n");
  await symlink("real.yaml", path);
  assert.equal(editFile(path, pause), true);
  assert.ok((await lstat(path)).isSymbolicLink());
  assert.match(await readFile(join(folder, "real.yaml"), "utf8"), /paused: true/);
});
