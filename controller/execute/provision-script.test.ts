/** provision-script.ts, run by a real shell in a folder that stands for the guest. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { agentOf } from "../core/testing/build.ts";
import type { Provision } from "../core/types.ts";
import { RERUN_ARGV, RERUN_ELSEWHERE, outputTail, provisionScript } from "./provision-script.ts";

type Block = Partial<Pick<Provision, "packages" | "files" | "run">>;

/** Runs the block of the agent `a` where everything absolute lies below `root`. */
function run(
  root: string,
  block: Block,
  name = "a",
): { readonly code: number | null; readonly text: string } {
  const agent = agentOf({ name: "a" });
  const script = provisionScript({ ...agent, provision: { ...agent.provision, ...block } });
  mkdirSync(join(root, "var/lib/cloud/data"), { recursive: true });
  writeFileSync(join(root, "var/lib/cloud/data/instance-id"), `${name}\n`);
  const [, , ...argv] = RERUN_ARGV;
  const [file = "sh", ...rest] = argv;
  const input = script
    .replaceAll("/var/lib", join(root, "var/lib"))
    .replaceAll("/home/ubuntu", join(root, "home/ubuntu"));
  const { status, stdout, stderr } = spawnSync(file, rest, {
    input,
    encoding: "utf8",
    env: { ...process.env, PATH: `${join(root, "bin")}:${process.env.PATH}` },
  });
  return { code: status, text: stdout + stderr };
}

function folder(t: { after(work: () => void): void }): string {
  const root = mkdtempSync(join(tmpdir(), "vm-agent-provision-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

it("writes files as they are, with their modes, over what was there; then runs the lines, each in a shell of its own", (t) => {
  const root = folder(t);
  const odd = "quote ' \" $HOME `id` \\ ü\nEND\n\tlast line without an end";
  const files = [
    { path: join(root, "new folder/it's odd"), content: odd, mode: "0600" },
    { path: join(root, "empty"), content: "" },
    { path: join(root, "big"), content: "x".repeat(300_000) },
  ];
  writeFileSync(join(root, "empty"), "former", { mode: 0o777 });
  const lines = [`cd ${root}; echo one > first`, `pwd > ${root}/second; exit 0`, `cat > ${root}/input`];
  for (const _time of ["first", "again"]) {
    const { code, text } = run(root, { files, run: lines });
    assert.equal(code, 0, text);
    assert.equal(readFileSync(join(root, "new folder/it's odd"), "utf8"), odd);
    assert.equal(statSync(join(root, "new folder/it's odd")).mode & 0o777, 0o600);
    assert.equal(readFileSync(join(root, "empty"), "utf8"), "");
    assert.equal(statSync(join(root, "empty")).mode & 0o777, 0o644);
    assert.equal(readFileSync(join(root, "big"), "utf8").length, 300_000);
    assert.equal(readFileSync(join(root, "first"), "utf8"), "one\n");
    assert.equal(readFileSync(join(root, "second"), "utf8"), "/\n");
    assert.equal(
      readFileSync(join(root, "input"), "utf8"),
      "",
      "a line that reads gets nothing of the script",
    );
    assert.deepEqual(readdirSync(join(root, "new folder")), ["it's odd"]);
  }
});

it("below the task user's home folders and files are made as that user, elsewhere as root", (t) => {
  const root = folder(t);
  mkdirSync(join(root, "bin"));
  // Drops to the unprivileged user where permitted, so that owners are visible.
  const sudo = `#!/bin/sh\n[ "$1 $2" = "-n -u" ] || exit 99\necho "$3" >> ${root}/became\nshift 3\n[ "$(id -u)" = 0 ] || exec "$@"\nexec setpriv --reuid 65534 --clear-groups "$@"\n`;
  writeFileSync(join(root, "bin/sudo"), sudo, { mode: 0o755 });
  const home = join(root, "home/ubuntu");
  mkdirSync(home, { recursive: true });
  const isRoot = process.getuid?.() === 0;
  chmodSync(root, 0o755);
  if (isRoot) chownSync(home, 65534, 0);
  const files = [
    { path: "/home/ubuntu/.config/app/settings", content: "a", mode: "0600" },
    { path: join(root, "opt/app/settings"), content: "b" },
  ];
  for (const _time of ["first", "again"]) {
    const { code, text } = run(root, { files });
    assert.equal(code, 0, text);
  }
  assert.equal(readFileSync(join(home, ".config/app/settings"), "utf8"), "a");
  assert.equal(readFileSync(join(root, "opt/app/settings"), "utf8"), "b");
  assert.equal(readFileSync(join(root, "became"), "utf8"), "ubuntu\nubuntu\n");
  if (!isRoot) return;
  for (const path of [".config", ".config/app", ".config/app/settings"])
    assert.equal(statSync(join(home, path)).uid, 65534, path);
  assert.equal(statSync(join(root, "opt/app")).uid, 0);
  // A link of the user's does not lead root out of the home folder.
  symlinkSync(join(root, "opt"), join(home, "link"));
  const led = run(root, { files: [{ path: "/home/ubuntu/link/evil", content: "x" }] });
  assert.match(
    led.text,
    /provision\.files \/home\/ubuntu\/link\/evil exited with 1|link\/evil exited with 1/,
  );
  assert.ok(!readdirSync(join(root, "opt")).includes("evil"));
});

it("stops at the first failure, says which it was, and leaves a line for the runtime", (t) => {
  const root = folder(t);
  const { code, text } = run(root, { run: ["echo fine", "echo why not >&2; exit 7", `touch ${root}/never`] });
  assert.equal(code, 1);
  assert.match(text, /fine\nwhy not\nprovision\.run\[1\] exited with 7\n$/);
  assert.equal(
    readFileSync(join(root, "var/lib/vm-agent/provision-errors"), "utf8"),
    "provision.run[1] exited with 7\n",
  );
  assert.ok(!readdirSync(root).includes("never"));
  assert.equal(run(root, { run: ["true"] }).code, 0);
  assert.ok(
    !readdirSync(join(root, "var/lib/vm-agent")).includes("provision-errors"),
    "a fixed problem is no longer reported",
  );
  assert.match(
    run(root, { files: [{ path: "/proc/none/x", content: "" }] }).text,
    /provision\.files \/proc\/none\/x exited/,
  );
});

it("installs packages by apt-get, and nothing of their names is read by the shell", (t) => {
  const root = folder(t);
  mkdirSync(join(root, "bin"));
  writeFileSync(
    join(root, "bin/apt-get"),
    `#!/bin/sh\nprintf '%s|' "$@" >> ${root}/calls\necho >> ${root}/calls\n`,
    { mode: 0o755 },
  );
  assert.equal(run(root, { packages: ["git", "a b;$(id)"] }).code, 0);
  assert.equal(
    readFileSync(join(root, "calls"), "utf8"),
    "update|-q|\n-o|DPkg::Lock::Timeout=300|install|-y|-q|--|git|a b;$(id)|\n",
  );
});

it("does nothing anywhere but in its own instance", (t) => {
  const root = folder(t);
  for (const name of ["b", "", "a-clone"])
    assert.deepEqual(run(root, { run: [`touch ${root}/never`] }, name), {
      code: RERUN_ELSEWHERE,
      text: "this is not a\n",
    });
  assert.ok(!readdirSync(root).includes("never"));
});

it("the tail of what was printed is short", () => {
  const text = Array.from({ length: 100 }, (_, i) => `line ${i} ${"x".repeat(1000)}`).join("\n");
  const tail = outputTail(`${text}\n\n`).split("\n");
  assert.equal(tail.length, 12);
  assert.ok(tail.at(-1)?.startsWith("line 99"));
  assert.ok(tail.every((line) => line.length <= 301));
});
