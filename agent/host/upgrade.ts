/**
 * Self-upgrade: a newer bundle is stored beside the current one and tried once. The current bundle loads it, and makes
 * it permanent only when the hub has answered its hello. After any failure the next start uses the current one.
 */
import { createHash } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureDir, errorMessage, readJson, writeAtomic } from "./files.ts";
import type { Log } from "./log.ts";
import { isRecord } from "../session/wire.ts";

/** Largest bundle that is taken. */
const BUNDLE_BYTES = 1_048_576;
/** How long new tasks are kept back for a moment in which none runs, and how long until that is tried again. */
const HOLD_MS = 60_000;
const AGAIN_MS = 600_000;
/** Hashes that failed and are not tried again. */
const REMEMBERED = 8;
/** Set by the present bundle for the one that it loads: where the present one lies. */
const ENTRY = "VM_AGENT_RUNTIME_ENTRY";

type Stage = "staged" | "trying" | "failed";

interface State {
  readonly stage: Stage;
  readonly hash: string;
  readonly deadlineMs: number;
  readonly reason: string;
  /** It was not heard in time, perhaps because the hub was away. */
  readonly silent: boolean;
  readonly failed: readonly string[];
}

export interface Report {
  readonly hash: string;
  readonly state: "staged" | "refused" | "failed" | "inconclusive" | "done";
  readonly reason: string;
}

function readState(file: string): State | null {
  const value = readJson(file);
  if (!isRecord(value) || typeof value.hash !== "string" || typeof value.stage !== "string") return null;
  const failed = Array.isArray(value.failed) ? value.failed.map(String) : [];
  return { deadlineMs: 60_000, reason: "", silent: false, ...value, failed } as unknown as State;
}

const nextTo = (entry: string): string => join(dirname(entry), "runtime.next.mjs");

function failedNow(state: State, reason: string, silent: boolean): State {
  const failed = [...state.failed.filter((hash) => hash !== state.hash), state.hash].slice(-REMEMBERED);
  return { ...state, stage: "failed", reason, silent, failed };
}

/** Called first of all. Resolves only when this bundle itself is to run. */
export async function tryNewer(entry: string, file: string): Promise<void> {
  const state = readState(file);
  if (state === null || process.env[ENTRY] !== undefined) return;
  const next = nextTo(entry);
  const put = (now: State) => writeAtomic(file, JSON.stringify(now));
  try {
    if (state.stage === "trying") {
      put(failedNow(state, state.reason || "it ended before the hub answered its hello", state.silent));
      rmSync(next, { force: true });
    }
    if (state.stage !== "staged" || !existsSync(next)) return;
    put({ ...state, stage: "trying" });
  } catch {
    // Without a record on disk it is not started.
    return;
  }
  await watch(file, {
    ...state,
    stage: "trying",
    reason: `no hello within ${state.deadlineMs} ms`,
    silent: true,
  });
  process.env[ENTRY] = entry;
  process.argv[1] = next;
  try {
    await import(pathToFileURL(next).href);
  } catch (error) {
    put(failedNow(state, `it cannot be loaded: ${errorMessage(error)}`, false));
    rmSync(next, { force: true });
  }
  process.exit(process.exitCode || 70);
}

/** In a thread of its own: a bundle that blocks its event loop blocks no other's. */
const WATCHDOG = `
const { workerData: { file, text, limit } } = require("node:worker_threads");
const { readFileSync, renameSync, writeFileSync } = require("node:fs");
setTimeout(() => {
  try {
    if (JSON.parse(readFileSync(file, "utf8")).stage !== "trying") return;
    writeFileSync(file + ".tmp", text, { mode: 0o600 });
    renameSync(file + ".tmp", file);
  } catch (error) {
    if (error.code === "ENOENT") return;
  }
  process.kill(process.pid, "SIGKILL");
}, limit);
`;

async function watch(file: string, failed: State): Promise<void> {
  // Loaded when it is needed: every instance pays for its memory.
  const { Worker } = await import("node:worker_threads");
  const workerData = { file, text: JSON.stringify(failed), limit: failed.deadlineMs };
  const worker = new Worker(WATCHDOG, {
    eval: true,
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: 16 },
  });
  worker.on("error", () => {});
  worker.unref();
}

export interface UpgradeDeps {
  /** The bundle that the service starts. */
  readonly entry: string;
  readonly file: string;
  /** Of the bundle that runs. */
  readonly hash: string;
  readonly log: Log;
  readonly report: (report: Report) => void;
  /** True: nothing runs, and nothing is begun until `resume`. */
  readonly hold: (ms: number) => Promise<boolean>;
  readonly restart: () => Promise<void>;
}

export type Upgrade = ReturnType<typeof createUpgrade>;

export function createUpgrade({ entry, file, hash, log, report, hold, restart }: UpgradeDeps) {
  let parts: Buffer[] = [];
  let size = 0;
  let waiting = false;
  const beganAt = performance.now();
  const present = process.env[ENTRY];
  delete process.env[ENTRY];

  const refuse = (wanted: string, reason: string): void => {
    parts = [];
    size = 0;
    log.warn(`a newer runtime was refused: ${reason}`);
    report({ hash: wanted, state: "refused", reason });
  };

  const stage = (wanted: string, bytes: Buffer, deadlineMs: number): void => {
    const failed = readState(file)?.failed ?? [];
    if (failed.includes(wanted)) {
      report({ hash: wanted, state: "failed", reason: "it failed here before" });
      return;
    }
    try {
      ensureDir(dirname(file));
      writeAtomic(nextTo(entry), bytes, { mode: 0o644 });
      const state: State = { stage: "staged", hash: wanted, deadlineMs, reason: "", silent: false, failed };
      writeAtomic(file, JSON.stringify(state));
    } catch (error) {
      refuse(wanted, `it cannot be written: ${errorMessage(error)}`);
      return;
    }
    log.info(`a newer runtime (${wanted.slice(0, 12)}) is here; it is started when nothing runs`);
    report({ hash: wanted, state: "staged", reason: "" });
    void whenIdle();
  };

  const whenIdle = async (): Promise<void> => {
    if (waiting) return;
    waiting = true;
    while (!(await hold(HOLD_MS))) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
    await restart();
  };

  return {
    /** One piece of a bundle; pieces come in order, from the first byte. */
    receive(payload: Readonly<Record<string, unknown>>): void {
      const { hash: wanted, bytes, offset, data, deadlineMs } = payload;
      if (typeof wanted !== "string" || typeof bytes !== "number" || typeof data !== "string") return;
      if (wanted === hash || waiting) return;
      if (bytes > BUNDLE_BYTES) {
        refuse(wanted, `it has more than ${BUNDLE_BYTES} bytes`);
        return;
      }
      if (offset === 0) {
        parts = [];
        size = 0;
      }
      if (offset !== size) {
        refuse(wanted, "a piece is missing");
        return;
      }
      const part = Buffer.from(data, "base64");
      if (part.length === 0 || size + part.length > bytes) {
        refuse(wanted, "it is longer than it was said to be");
        return;
      }
      parts.push(part);
      size += part.length;
      if (size < bytes) return;
      const whole = Buffer.concat(parts);
      parts = [];
      size = 0;
      if (createHash("sha256").update(whole).digest("hex") !== wanted) {
        refuse(wanted, "its hash is not the one that was said");
        return;
      }
      const limit = typeof deadlineMs === "number" ? Math.min(600_000, Math.max(1_000, deadlineMs)) : 60_000;
      stage(wanted, whole, limit);
    },

    /** For hello: the hash of the staged bundle (else ""), and hashes that are not tried again. */
    known(): { readonly staged: string; readonly failedUpgrades: readonly string[] } {
      const state = readState(file);
      return { staged: state?.stage === "staged" ? state.hash : "", failedUpgrades: state?.failed ?? [] };
    },

    /** The hub has answered hello: the newer bundle becomes permanent, and an earlier failure is reported. */
    established(): void {
      const state = readState(file);
      if (state === null) return;
      if (present !== undefined && state.stage === "trying") {
        try {
          renameSync(nextTo(present), present);
          if (state.failed.length === 0) rmSync(file, { force: true });
          else writeAtomic(file, JSON.stringify({ ...state, stage: "done" }));
        } catch (error) {
          log.error(`the newer runtime cannot take the place of the older: ${errorMessage(error)}`);
          return;
        }
        log.info("upgraded");
        report({ hash, state: "done", reason: "" });
      } else if (state.stage === "staged") void whenIdle();
      else if (state.stage === "failed") judge(state);
    },
  };

  /** Where the older one was not heard in that time either, the hub was away, and nothing is proven. */
  function judge(state: State): void {
    const unproven = state.silent && performance.now() - beganAt > state.deadlineMs;
    try {
      if (unproven) rmSync(file, { force: true });
      else if (state.silent) writeAtomic(file, JSON.stringify({ ...state, silent: false }));
    } catch {
      // Reported again after the next hello.
    }
    report({ hash: state.hash, state: unproven ? "inconclusive" : "failed", reason: state.reason });
  }
}
