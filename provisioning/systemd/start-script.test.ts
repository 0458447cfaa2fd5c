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
  for (const tool of ["cat", "mkdir", "mv", "rm", "sed"])
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

  test(`${shell}: an apt whose Node is too old is not asked for it, and that is said until there is one`, {
    skip,
  }, (t) => {
    const { root, run, write, reason } = guest(t, shell, {});
    aptOf(write, { known: "12.22.9~dfsg-1ubuntu3.6" });
    const text =
      "no Node 18 or newer in the guest: there is none; apt has only 12.22.9~dfsg-1ubuntu3.6, which was not installed\n";
    const { status, stdout, stderr } = run("install");
    assert.deepEqual([status, stdout, stderr], [NO_NODE_EXIT, "", text]);
    assert.ok(!existsSync(join(root, "asked")), "nothing was installed");
    // The author's own lines come after that.
    assert.equal(run().status, NO_NODE_EXIT);
    assert.equal(readFileSync(reason, "utf8"), text);
    write("snap/bin/node", "#!/bin/sh\nexit 1\n");
    write("snap/node/current/bin/node", "#!/bin/sh\necho v22.11.0\n");
    assert.equal(run("find").stdout, `${root}/snap/node/current/bin/node\n`, "not by the launcher");
    assert.equal(run().status, 0);
    assert.ok(!existsSync(reason));
  });

  test(`${shell}: an apt whose Node is recent enough is used, after its lists are refreshed where it knows none`, {
    skip,
  }, (t) => {
    for (const apt of [
      { known: "18.19.0+dfsg-6ubuntu5" },
      { known: "(none)", later: "1:20.1-2" },
      { known: "", later: "" },
    ]) {
      const { root, run, write } = guest(t, shell, {});
      aptOf(write, apt);
      const { status, stdout } = run("install");
      assert.deepEqual([status, stdout], [0, `${root}/usr/bin/node\n`], JSON.stringify(apt));
      const asked = readFileSync(join(root, "asked"), "utf8").trim().split("\n");
      assert.deepEqual(asked, "later" in apt ? ["update", "install"] : ["install"]);
      assert.equal(run("install").status, 0);
      assert.equal(readFileSync(join(root, "asked"), "utf8").trim().split("\n").length, asked.length, "once");
    }
  });

  test(`${shell}: package lists locked by another process are waited for; other apt failures are not`, {
    skip,
  }, (t) => {
    const held = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)";
    for (const [said, updates] of [
      [held, ["update", "sleep", "update", "sleep", "update", "install"]],
      ["E: The repository has no Release file", ["update", "install"]],
    ] as const) {
      const { root, run, write } = guest(t, shell, {});
      aptOf(write, { known: "(none)", later: "18.19.0" });
      write("tools/sleep", '#!/bin/sh\necho sleep >> "$VM_AGENT_GUEST_ROOT/asked"\n');
      write("tools/apt-get-well", readFileSync(join(root, "tools/apt-get"), "utf8"));
      // Twice it says so, then it is well.
      write(
        "tools/apt-get",
        `#!/bin/sh
r=$VM_AGENT_GUEST_ROOT
[ "$1" != update ] || [ -e "$r/second" ] || {
  echo update >> "$r/asked"
  if [ -e "$r/first" ]; then : > "$r/second"; else : > "$r/first"; fi
  echo "${said}" >&2
  exit 100
}
exec "$r/tools/apt-get-well" "$@"
`,
      );
      const { status, stdout } = run("install");
      assert.deepEqual([status, stdout], [0, `${root}/usr/bin/node\n`]);
      assert.deepEqual(readFileSync(join(root, "asked"), "utf8").trim().split("\n"), updates);
    }
  });
}

/** An apt that offers this Node, and another after an update; what it installs is there then. Input is the script's, and not read. */
function aptOf(
  write: (path: string, text: string) => void,
  { known, later = known }: { readonly known: string; readonly later?: string },
): void {
  const policy = (candidate: string) =>
    candidate === "" ? ":" : `printf 'nodejs:\\n  Installed: (none)\\n  Candidate: ${candidate}\\n'`;
  write(
    "tools/apt-cache",
    `#!/bin/sh\nif [ -e "$VM_AGENT_GUEST_ROOT/updated" ]; then ${policy(later)}; else ${policy(known)}; fi\n`,
  );
  write(
    "tools/apt-get",
    `#!/bin/sh
r=$VM_AGENT_GUEST_ROOT
for word in "$@"; do case $word in update | install) echo $word >> "$r/asked"; break ;; esac; done
echo "noise of apt"
[ $word = install ] || { : > "$r/updated"; exit 0; }
mkdir -p "$r/usr/bin"
printf '#!/bin/sh\\necho v18.19.0\\n' > "$r/usr/bin/node"
/bin/chmod 0755 "$r/usr/bin/node"
`,
  );
}
