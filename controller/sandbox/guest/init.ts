// An instance's first process: boots it, keeps its services running, and shuts it down. Arguments: the name and the boot's id.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { duration, heldPhases } from "../frontend/durations.ts";
import { writeJson } from "../files.ts";
import { type BootReport, type Instance, readInstance, reportFile } from "../instances/instance.ts";
import { guestRoot, instanceDir } from "../paths.ts";
import { sleep } from "../processes.ts";
import {
  beginInstance,
  endInstance,
  isFirstBoot,
  readUserData,
  runCommands,
  writeAuthorizedKeys,
  writeFiles,
  writeStatus,
} from "./cloud-init.ts";
import { isolation } from "./isolation.ts";
import { Services } from "./services.ts";
import { answerRequests } from "./systemctl.ts";
import { makeHostKeys, makeTree, nameTree } from "./tree.ts";

const RECORD_CHECK_MS = 2000;

const [name = "", id = ""] = process.argv.slice(2);
const root = guestRoot(name);
let report: BootReport = { id, phase: "starting", up: false, finished: false, gaveUp: false };
let services: Services | undefined;
let shutdownTimer: NodeJS.Timeout | undefined;

process.umask(0o022);
process.on("SIGTERM", () => void shutDown());
process.on("SIGUSR2", scheduleShutdown);
// Started by a client that holds the daemon's lock, so it must outlive that client's terminal.
process.on("SIGHUP", () => {});
process.on("SIGINT", () => {});

await boot(await ownRecord());

/** The record names this process once the client that started it has saved it; a client killed before that leaves nothing running. */
async function ownRecord(): Promise<Instance> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(2)) {
    const instance = readInstance(name);
    if (instance?.boot?.id === id && instance.boot.process.pid === process.pid) return instance;
  }
  process.exit(1);
}

async function boot(instance: Instance): Promise<void> {
  const kind = instance.boot?.kind ?? "start";
  if (kind === "launch") {
    tell({ phase: "preparing" });
    rmSync(root, { recursive: true, force: true });
    await pass("prepare");
    makeTree(root, instance.image.title);
  }
  tell({ phase: kind === "restart" ? "restarting" : "starting" });
  const patience = setTimeout(() => tell({ phase: "unknown", gaveUp: true }), instance.boot?.patience ?? 0);
  const first = isFirstBoot(name);
  await pass(first ? "starting" : "restarting");
  await sleep(instance.boot?.delay ?? 0);
  if (instance.boot?.fault === "crashes") process.exit(1);
  if (first) {
    tell({ phase: "unknown" });
    await pass("unknown");
  }
  if (instance.boot?.fault === "never-answers") return holdOn();
  await bringUp(instance, first, () => clearTimeout(patience));
  holdOn();
}

async function bringUp(instance: Instance, first: boolean, answered: () => void): Promise<void> {
  const cage = isolation();
  const userData = readUserData(name);
  rmSync(join(root, "run"), { recursive: true, force: true });
  writeStatus(root, first ? "running" : "done", []);
  nameTree(root, name);
  services = new Services(instance, cage);
  answerRequests(root, services);
  const failures: string[] = [];
  if (first) {
    beginInstance(root, name);
    makeHostKeys(root, name);
    try {
      writeAuthorizedKeys(root, userData);
      writeFiles(root, userData);
    } catch (error) {
      failures.push(`('write_files', ${(error as Error).message})`);
    }
  }
  services.startEnabled();
  answered();
  tell(report.gaveUp ? { up: true } : { phase: "running", up: true });
  if (first) {
    failures.push(...(await runCommands(instance, userData, cage, services)));
    if (instance.broken?.fault === "cloud-init-error") failures.push(instance.broken.message);
    endInstance(root);
    writeStatus(root, failures.length > 0 ? "error" : "done", failures);
  }
  tell({ finished: true });
  scheduleShutdown();
}

/** Spends a phase's time, and more while boots are held in this phase. */
async function pass(what: "prepare" | "starting" | "restarting" | "unknown"): Promise<void> {
  const { phase } = report;
  await sleep(duration(what));
  while (heldPhases().includes(phase)) await sleep(10);
}

function tell(change: Partial<BootReport>): void {
  report = { ...report, ...change };
  writeJson(reportFile(instanceDir(name)), report);
}

/** The record may hold a time to shut down at; a client signals when that has changed. */
function scheduleShutdown(): void {
  clearTimeout(shutdownTimer);
  const at = readInstance(name)?.shutdownAt ?? null;
  if (at !== null)
    shutdownTimer = setTimeout(() => void shutDown(), Math.max(0, Math.min(at - Date.now(), 2 ** 31 - 1)));
}

/** Lives until stopped, or until the record is gone or names another boot: it could never be stopped then. */
function holdOn(): void {
  setInterval(() => {
    if (readInstance(name)?.boot?.id !== id) void shutDown();
  }, RECORD_CHECK_MS);
}

async function shutDown(): Promise<void> {
  await services?.stopAll();
  process.exit(0);
}
