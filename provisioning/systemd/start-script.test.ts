/** The start script in real shells with Nodes that are not: which one it takes, and what it says where there is none. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { NO_NODE_EXIT, NO_NODE_PATH, START_PATH, startScript } from "./start-script.ts";

const SHELLS = ["/bin/sh", "/bin/dash", "/bin/bash"] as const;

/** A guest's tree with these files as its Nodes: what each answers to `--version`, or its whole script. */
function guest(t: TestContext, shell: string, nodes: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), "vm-agent-start-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, text: string, mode = 0o755) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  for (const [path, version] of Object.entries(nodes)) {
    const script = `#!/bin/sh\ncase "$1" in --version) echo ${version} ;; *) echo "$0" "$@" ;; esac\n`;
    write(path, version.startsWith("#!") ? version : script);
  }
  // What the script itself needs, and no Node of the machine that tests.
  for (const tool of ["cat", "mkdir", "mv", "rm"])
    write(`tools/${tool}`, `#!/bin/sh\nexec /bin/${tool} "$@"\n`);
  write(START_PATH, startScript());
  const run = (...args: readonly string[]) =>
    spawnSync(shell, [join(root, START_PATH), ...args], {
      encoding: "utf8",
      env: { PATH: `${root}/path:${root}/tools`, VM_AGENT_GUEST_ROOT: root },
    });
  return { root, run, write, reason: join(root, NO_NODE_PATH) };
}

for (const shell of SHELLS) {
  const skip = existsSync(shell) ? false : `there is no ${shell}`;

  test(`${shell}: the first that is recent enough, wherever it is, is given the bundle and its settings`, {
    skip,
  }, (t) => {
    for (const path of [
      "path/node",
      "path/nodejs",
      "usr/local/bin/node",
      "usr/bin/nodejs",
      "snap/bin/node",
    ]) {
      const { root, run } = guest(t, shell, { "path/node": "v12.22.9", [path]: "v18.20.4" });
      const { status, stdout } = run();
      const at = join(root, path);
      const rest = `${root}/usr/local/lib/vm-agent/runtime.mjs --config ${root}/etc/vm-agent/runtime.json`;
      assert.deepEqual([status, stdout], [0, `${at} ${rest}\n`]);
      assert.equal(run("find").stdout, `${at}\n`);
    }
  });

  test(`${shell}: none, too old, broken: a line in a file, printed once, and gone when there is one`, {
    skip,
  }, (t) => {
    const none = guest(t, shell, {});
    assert.deepEqual([none.run().status, none.run().status], [NO_NODE_EXIT, NO_NODE_EXIT]);
    assert.equal(readFileSync(none.reason, "utf8"), "no Node 18 or newer in the guest: there is none\n");
    assert.equal(statSync(dirname(none.reason)).mode & 0o777, 0o700);

    const nodes = {
      "path/node": "v12.22.9",
      "usr/bin/node": "v16.0.0",
      "path/nodejs": "#!/bin/sh\nexit 1\n",
    };
    const old = guest(t, shell, { ...nodes, "snap/bin/node": "nonsense" });
    const first = old.run();
    const text = `no Node 18 or newer in the guest: only v12.22.9 at ${old.root}/path/node, v16.0.0 at ${old.root}/usr/bin/node\n`;
    assert.deepEqual([first.status, first.stderr], [NO_NODE_EXIT, text]);
    assert.equal(readFileSync(old.reason, "utf8"), text);
    assert.deepEqual([old.run().status, old.run().stderr], [NO_NODE_EXIT, ""]);
    assert.deepEqual([old.run("find").status, old.run("find").stderr], [NO_NODE_EXIT, text]);

    old.write("snap/bin/node", "#!/bin/sh\necho v22.1.0\n");
    assert.equal(old.run().status, 0);
    assert.ok(!existsSync(old.reason));
  });

  test(`${shell}: to find is to leave nothing behind, and a folder of that name is no Node`, {
    skip,
  }, (t) => {
    const { root, run } = guest(t, shell, {});
    mkdirSync(join(root, "usr/bin/node"), { recursive: true });
    assert.deepEqual([run("find").status, run("find").stdout], [NO_NODE_EXIT, ""]);
    assert.ok(!existsSync(join(root, "var")));
  });
}
