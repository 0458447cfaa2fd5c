/**
 * `npm run test:nodes [VERSION…]`: fetches other Nodes as npm packages into a temporary folder and has the real bundle join
 * and run a task under each. Needs the registry, so it is no part of `npm test`, which tries the Nodes that are installed.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const WANTED = ["18", "20", "22", "26"];

const folder = mkdtempSync(join(tmpdir(), "vm-agent-nodes-"));
const test = fileURLToPath(new URL("../session/join.test.js", import.meta.url));
let failed = 0;
try {
  for (const version of process.argv.length > 2 ? process.argv.slice(2) : WANTED) {
    const place = join(folder, version);
    mkdirSync(place);
    writeFileSync(
      join(place, "package.json"),
      JSON.stringify({ private: true, allowScripts: { node: true } }),
    );
    // The package `node` fetches its binary in an install script.
    const install = spawnSync(
      "npm",
      ["install", "--no-audit", "--no-fund", "--no-package-lock", `node@${version}`],
      { cwd: place, encoding: "utf8" },
    );
    const node = join(place, "node_modules", "node", "bin", "node");
    const found = spawnSync(node, ["--version"], { encoding: "utf8" });
    if (found.status !== 0) {
      failed += 1;
      process.stdout.write(`Node ${version}: cannot be had: ${install.stderr.trim().slice(-300)}\n`);
      continue;
    }
    const run = spawnSync(process.execPath, ["--test", "--test-name-pattern=^runs on v", test], {
      encoding: "utf8",
      env: { ...process.env, VM_AGENT_TEST_NODE: realpathSync(node) },
    });
    // A pattern that fits no test is a success too.
    const ok = run.status === 0 && run.stdout.includes(`runs on ${found.stdout.trim()} as well`);
    if (!ok) failed += 1;
    process.stdout.write(
      `Node ${found.stdout.trim()}: ${ok ? "joins and runs a task" : `fails\n${run.stdout}`}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
