#!/usr/bin/env node
/** Entry point of the command line: checks the Node that runs it, answers what needs nothing, loads the rest. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileCacheFolder } from "./base/compile-cache.ts";
import { SHORT_COMMANDS } from "./cli/short-commands.ts";

const NEEDED = [22, 18] as const;
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const args = process.argv.slice(2);

function nodeIsTooOld(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1]);
}

/** In a checkout the pinned Node lies beside us; an installed package has only the user's own. */
function runOnPinnedNode(): number {
  const pinned = join(root, "node_modules", "node", "bin", "node");
  if (!existsSync(pinned) || process.env.VM_AGENT_REEXEC) {
    process.stderr.write(
      `error: vm-agent needs Node ${NEEDED.join(".")} or newer; this is ${process.versions.node}\n` +
        (existsSync(join(root, "package-lock.json"))
          ? "  In a checkout, npm ci brings the right one; if its install script was not allowed to run: npm rebuild node\n"
          : "  Install a newer Node, then try again\n"),
    );
    return 1;
  }
  // The terminal sends its signals to the child too; it decides, we only pass its exit code on.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const child = spawnSync(pinned, [process.argv[1] ?? "", ...args], {
    stdio: "inherit",
    env: { ...process.env, VM_AGENT_REEXEC: "1" },
  });
  return child.status ?? 1;
}

function runShort(): Promise<number> {
  const short = module.createRequire(import.meta.url)("./short.cjs") as typeof import("./cli/short.ts");
  return short.runShort(args);
}

async function run(): Promise<number> {
  const { runCommand } = await import("./cli/run.ts");
  return runCommand(args);
}

async function main(): Promise<number> {
  if (nodeIsTooOld()) return runOnPinnedNode();
  if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    process.stdout.write(`vm-agent ${version}\n`);
    return 0;
  }
  const cache = compileCacheFolder();
  if (cache !== null) module.enableCompileCache?.(cache);
  return SHORT_COMMANDS.has(args[0] ?? "") ? runShort() : run();
}

void main().then((code) => {
  process.exitCode = code;
  // Handles that a finished command left open (a keep-alive socket, a watcher) must not keep the terminal waiting.
  process.exit();
});
