/** The script hands on what it was given, unharmed, in every shell that is here. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../provisioning/create-agent.sh", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "vm-agent-create-"));
const shells = ["sh", "dash", "bash", "busybox sh"].filter(
  (shell) => spawnSync(`${shell} -c 'exit 7'`, { shell: true }).status === 7,
);
const NOTES = `console.log(JSON.stringify(process.argv.slice(2)));process.exit(3)`;

after(() => rmSync(folder, { recursive: true, force: true }));

const run = (shell: string, script: string, args: readonly string[], env = process.env) => {
  const [file = "sh", ...before] = shell.split(" ");
  return spawnSync(file, [...before, script, ...args], { env, encoding: "utf8" });
};

describe("create-agent.sh", () => {
  // As a package has it: the script beside the program.
  const script = join(folder, "with space", "provisioning", "create-agent.sh");
  const program = join(folder, "with space", "dist", "bin", "vm-agent.cjs");
  for (const file of [script, program]) mkdirSync(dirname(file), { recursive: true });
  copyFileSync(SCRIPT, script);
  writeFileSync(program, NOTES);
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };

  for (const shell of shells) {
    test(`${shell}: the options of the README, in any order; the exit code is handed back`, () => {
      assert.equal(
        spawnSync(shell.split(" ")[0] ?? "", [...shell.split(" ").slice(1), "-n", SCRIPT]).status,
        0,
      );
      const rest = [
        "--type",
        "builder",
        "--cpu",
        "2",
        "--memory",
        "4G",
        "--disk",
        "20G",
        "--capabilities",
        "build,docker",
      ];
      for (const args of [
        ["--name", "agent-builder", ...rest],
        [...rest, "--name", "agent-builder"],
        ["--name=agent-builder", ...rest],
      ]) {
        const { status, stdout, stderr } = run(shell, script, args, env);
        assert.equal(status, 3, stderr);
        assert.deepEqual(JSON.parse(stdout), ["create", "agent-builder", ...rest]);
      }
    });

    test(`${shell}: words with spaces, quotes, stars and dollars stay one word each`, () => {
      const odd = ["--type", "a b", "", "*", "$HOME", `'"`, "\\n", "--"];
      const { stdout } = run(shell, script, ["--name", "x y", ...odd], env);
      assert.deepEqual(JSON.parse(stdout), ["create", "x y", ...odd]);
    });

    test(`${shell}: no name`, () => {
      for (const args of [[], ["--name"], ["--type", "builder"], ["--name="]]) {
        const { status, stdout, stderr } = run(shell, script, args, env);
        assert.deepEqual([status, stdout], [64, ""]);
        assert.match(stderr, /^error: .*name.*\nusage: .*--name NAME/);
      }
      assert.equal(run(shell, script, ["--help"], env).status, 0);
    });
  }

  test("a copy elsewhere asks PATH", () => {
    const copy = join(folder, "create-agent.sh");
    const bin = join(folder, "bin");
    mkdirSync(bin);
    copyFileSync(SCRIPT, copy);
    writeFileSync(join(bin, "vm-agent"), `#!${process.execPath}\n${NOTES}`);
    chmodSync(join(bin, "vm-agent"), 0o755);
    const { stdout } = run("sh", copy, ["--name", "a"], { ...env, PATH: `${bin}:${env.PATH}` });
    assert.deepEqual(JSON.parse(stdout), ["create", "a"]);
  });
});
