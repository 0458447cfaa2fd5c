/** The command as it is installed: what package.json names runs from anywhere, loads what it needs, and writes no cache for others. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { packageRoot } from "../../base/paths.ts";

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as Manifest;
const folder = mkdtempSync(join(tmpdir(), "vm-agent-bin-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const link = join(folder, "vm-agent");
symlinkSync(join(packageRoot(), manifest.bin["vm-agent"] ?? ""), link);

function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: "", ...env } };
    execFile(process.execPath, [link, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

test("the installed command answers through a link, from another folder", async () => {
  assert.deepEqual(await run(["--version"]), {
    code: 0,
    stdout: `vm-agent ${manifest.version}\n`,
    stderr: "",
  });
  const help = await run(["plan", "--help"]);
  assert.match(help.stdout, /--detailed-exitcode/);
  const all = await run(["--help"]);
  for (const name of ["plan", "apply", "up", "multipass"])
    assert.match(all.stdout, new RegExp(`^ +${name}\\b`, "m"));
  const unknown = await run(["plam"]);
  assert.equal(unknown.code, 64);
  assert.match(unknown.stderr, /did you mean "plan"\?/);
  const late = await run(["--fleet", join(folder, "none"), "validate", "--no-such"]);
  assert.equal(late.code, 64, "options before the command's name do not hide it");
});

test("a folder that was removed under the caller is said in words", () => {
  const command = `cd "$(mktemp -d)" && rmdir "$PWD" && exec "$@"`;
  const { status, stderr } = spawnSync("sh", ["-c", command, "sh", process.execPath, link, "plan"], {
    encoding: "utf8",
  });
  assert.equal(status, 64);
  assert.match(stderr, /^error: the current folder does not exist any more\n/);
});

test("compiled code is kept in the user's own cache folder, or nowhere", async () => {
  const cache = join(folder, "cache");
  const invalid = { XDG_CACHE_HOME: cache, NODE_COMPILE_CACHE: "" };
  await run(["validate"], invalid);
  assert.ok(existsSync(join(cache, "vm-agent")), "the first command that loads anything makes it");
  const open = join(folder, "open");
  mkdirSync(join(open, "vm-agent"), { recursive: true });
  chmodSync(join(open, "vm-agent"), 0o777);
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  await run(["validate"], { XDG_CACHE_HOME: open, TMPDIR: temporary, NODE_COMPILE_CACHE: "" });
  assert.ok(!existsSync(join(temporary, "node-compile-cache")), "nor in the machine's temporary folder");
});
