#!/usr/bin/env node
/** Entry point of the command line: checks the Node that runs it, answers what needs nothing, loads the rest. */
import { existsSync, readFileSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileCacheFolder } from "./base/process/compile-cache.ts";
import { watchNpm } from "./base/process/parent.ts";
import { endProcess } from "./base/process/process-end.ts";
import { SHORT_COMMANDS } from "./cli/short-commands.ts";

/**
 * First version of each line that works, as `engines` in package.json says; 23 has ended. chokidar 6 asks for 22.22; before that,
 * and in 24 before 24.8, `node:sqlite` refuses a parameter that is used twice.
 */
const SUPPORTED = [
  [22, 22],
  [24, 8],
] as const;
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const args = process.argv.slice(2);

function isSupported(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const newest = SUPPORTED[SUPPORTED.length - 1]?.[0] ?? 0;
  return major > newest || SUPPORTED.some(([line, from]) => major === line && minor >= from);
}

/** What there is to do depends on where it runs: a checkout brings its own Node, an installed package uses the user's. */
function refuseOldNode(): number {
  const isCheckout = existsSync(join(root, "package-lock.json"));
  process.stderr.write(
    `error: vm-agent needs Node ${SUPPORTED.map((v) => v.join(".")).join(" or ")} or newer; this is ${process.versions.node}\n` +
      (isCheckout
        ? "  In a checkout, npm start and npx vm-agent run it on the Node that npm ci installs\n"
        : "  Install a newer Node, then try again\n"),
  );
  return 1;
}

function runShort(): Promise<never> {
  const short = module.createRequire(import.meta.url)("./short.cjs") as typeof import("./cli/short.ts");
  return short.runShort(args);
}

async function run(): Promise<never> {
  const { runCommand } = await import("./cli/run.ts");
  return runCommand(args);
}

/** Node 22 announces SQLite as experimental at every start: nothing that a user could act on. Other warnings stay. */
function silenceSqliteWarning(): void {
  const emit = process.emitWarning as (...args: readonly unknown[]) => void;
  process.emitWarning = (...args: readonly unknown[]) => {
    if (!String(args[0]).startsWith("SQLite is an experimental feature")) emit.call(process, ...args);
  };
}

/** Handles that a finished command left open (a keep-alive socket, a watcher) do not keep the terminal waiting. */
async function main(): Promise<never> {
  if (!isSupported()) return endProcess(refuseOldNode());
  if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    process.stdout.write(`vm-agent ${version}\n`);
    return endProcess(0);
  }
  if (process.env.npm_lifecycle_script !== undefined)
    watchNpm(process.env, () => process.kill(process.pid, "SIGTERM"));
  silenceSqliteWarning();
  const cache = compileCacheFolder();
  if (cache !== null) module.enableCompileCache?.(cache);
  return SHORT_COMMANDS.has(args[0] ?? "") ? runShort() : run();
}

void main();
