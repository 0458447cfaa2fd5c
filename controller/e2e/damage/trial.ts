/** One trial of the damage test: damages a copy of what a killed writer left, and compares what is left with what is said of it. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Settings } from "../../base/env.ts";
import { toVmAgentError } from "../../base/errors.ts";
import { audit } from "../../cli/commands/audit.ts";
import { database } from "../../cli/doctor/database.ts";
import { createDoctorContext } from "../../cli/doctor/context.ts";
import { databasePath } from "../../cli/system/home.ts";
import type { Output } from "../../cli/output/output.ts";
import { lossAlerts, lossWords } from "../../store/protection/loss.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store } from "../../store/store.ts";
import { detailOf, idOf, outputOf, resultOf, specOf } from "./content.ts";

/** What the writer acknowledged. */
export interface Acknowledged {
  readonly tasks: readonly number[];
  readonly results: readonly number[];
  readonly audit: readonly number[];
  /** Sequence numbers of the audit's entries; some were stored and not acknowledged. */
  readonly sequence: ReadonlyMap<number, number>;
}

export interface Trial {
  readonly damage: string;
  /** `intact`: nothing that was acknowledged is missing or changed. */
  readonly outcome: "intact" | "reported" | "refused" | "silent";
  readonly missing: readonly string[];
  /** Missing ones that no report names; a refused database names ranges instead. */
  readonly unnamed: readonly string[];
  /** Faces that said nothing although something is missing, or that said something in a raw form. */
  readonly faults: readonly string[];
  /** Something was reported although nothing is missing: unused bytes were hit, or only an index. */
  readonly isHarmless: boolean;
}

export const FILES = ["", "-wal", "-shm", "-pages", "-commits"] as const;

export function copyHome(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const end of FILES)
    if (existsSync(databasePath(from) + end)) copyFileSync(databasePath(from) + end, databasePath(to) + end);
}

/** Returns what was done, in words. */
export function damage(path: string, random: () => number): string {
  const below = (n: number) => Math.floor(random() * n);
  const hasLog = existsSync(`${path}-wal`);
  const target = hasLog && random() < 0.5 ? `${path}-wal` : path;
  const what = target === path ? "database" : "log";
  const file = openSync(target, "r+");
  try {
    const { size } = fstatSync(file);
    if (size === 0) return `nothing: the ${what} is empty`;
    const kind = below(3);
    if (kind === 0) {
      const flips = 1 + below(3);
      for (let i = 0; i < flips; i++) {
        const at = below(size);
        const byte = Buffer.alloc(1);
        readSync(file, byte, 0, 1, at);
        byte[0] = (byte[0] ?? 0) ^ (1 << below(8));
        writeSync(file, byte, 0, 1, at);
      }
      return `${flips} bits flipped in the ${what}`;
    }
    if (kind === 1) {
      const to = below(size);
      ftruncateSync(file, to);
      return `the ${what} cut from ${size} to ${to} bytes`;
    }
    const page = below(Math.ceil(size / 4096));
    writeSync(file, Buffer.alloc(Math.min(4096, size - page * 4096)), 0, undefined, page * 4096);
    return `page ${page} of the ${what} zeroed`;
  } finally {
    closeSync(file);
  }
}

interface Said {
  readonly exit: number;
  readonly text: string;
}

async function verifySaid(settings: Settings): Promise<Said> {
  const lines: string[] = [];
  const output = capturing(lines);
  const invocation = { settings, output, args: ["verify"], options: {}, version: "0" };
  try {
    return { exit: await audit(invocation), text: lines.join("\n") };
  } catch (error) {
    return { exit: 1, text: [...lines, errorText(error)].join("\n") };
  }
}

async function doctorSaid(settings: Settings): Promise<Said> {
  const findings = await database.run(createDoctorContext(settings, {}), new AbortController().signal);
  const bad = findings.filter(({ level }) => level === "bad");
  return { exit: bad.length > 0 ? 1 : 0, text: bad.map(({ found }) => found).join("\n") };
}

export async function runTrial(
  home: string,
  acknowledged: Acknowledged,
  random: () => number,
): Promise<Trial> {
  const path = databasePath(home);
  const done = damage(path, random);
  const settings = { home, url: null, token: null, fleet: join(home, "fleet") } as Settings;
  const faults: string[] = [];
  const check = (face: string, { text }: Said) => {
    if (/SyntaxError|Unexpected token|^\s+at .*:\d+/m.test(text))
      faults.push(`${face} is raw: ${text.slice(0, 200)}`);
  };
  const before = { doctor: await doctorSaid(settings), verify: await verifySaid(settings) };
  check("doctor", before.doctor);
  check("audit verify", before.verify);
  let store: Store;
  try {
    store = openStore(path);
  } catch (error) {
    const text = errorText(error);
    check("up", { exit: 1, text });
    if (before.doctor.exit === 0) faults.push("doctor is silent about a database that up refuses");
    if (before.verify.exit === 0) faults.push("audit verify is silent about a database that up refuses");
    return { damage: done, outcome: "refused", missing: [], unnamed: [], faults, isHarmless: false };
  }
  let missing: readonly string[] = [];
  let words = "";
  try {
    missing = await missingOf(store, acknowledged);
    words = store.losses().flatMap(lossWords).join("\n");
  } catch (error) {
    faults.push(`reading failed: ${errorText(error)}`);
  }
  const losses = store.losses();
  const alerts = lossAlerts(losses);
  await store.close();
  // A start that closed in order has put nothing right by itself.
  const after = { doctor: await doctorSaid(settings), verify: await verifySaid(settings) };
  const isReported = losses.length > 0;
  if (missing.length > 0 || isReported) {
    const silent = (["doctor", "verify"] as const).filter((face) => after[face].exit === 0);
    faults.push(...silent.map((face) => `${face} is silent after the start`));
    if (alerts.length === 0) faults.push("the dashboards are silent");
    if (before.doctor.exit === 0) faults.push("doctor is silent before the start");
    if (before.verify.exit === 0) faults.push("audit verify is silent before the start");
  }
  const outcome =
    missing.length === 0 ? (isReported ? "reported" : "intact") : isReported ? "reported" : "silent";
  const unnamed = missing.filter((what) => !isNamed(what, losses, words));
  if (isReported) faults.push(...(await acknowledgeFaults(path, settings)));
  return { damage: done, outcome, missing, unnamed, faults, isHarmless: missing.length === 0 && isReported };
}

/** Acknowledged, it is not reported again. */
async function acknowledgeFaults(path: string, settings: Settings): Promise<readonly string[]> {
  const store = openStore(path);
  await store.acknowledge("operator", 1);
  const left = store.losses();
  await store.close();
  const again = openStore(path);
  const repeated = again.losses();
  await again.close();
  const faults: string[] = [];
  if (left.length > 0 || repeated.length > 0) faults.push("it is reported again after it was acknowledged");
  const verify = await verifySaid(settings);
  if (verify.exit !== 0) faults.push(`audit verify fails after it was acknowledged: ${verify.text}`);
  const doctor = await doctorSaid(settings);
  if (doctor.exit !== 0) faults.push(`doctor fails after it was acknowledged: ${doctor.text}`);
  return faults;
}

export async function missingOf(
  store: Store,
  { tasks, results, audit, sequence }: Acknowledged,
): Promise<readonly string[]> {
  const missing: string[] = [];
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const finished = new Set(results);
  for (const n of tasks) {
    const task = store.tasks.get(idOf(n));
    if (!task || !same(task.spec, specOf(n))) missing.push(`task ${idOf(n)}`);
    else if (finished.has(n)) {
      const [chunk] = store.tasks.output(idOf(n), 0);
      if (task.state !== "succeeded" || !same(task.result, resultOf(n)) || chunk?.data !== outputOf(n))
        missing.push(`task ${idOf(n)}`);
    }
  }
  const entries = new Map(store.audit.list(0, 1_000_000).map((entry) => [entry.subject, entry]));
  for (const n of audit)
    if (!same(entries.get(String(n))?.detail, detailOf(n))) missing.push(`audit ${sequence.get(n)}`);
  return missing;
}

type Losses = ReturnType<Store["losses"]>;

function isNamed(what: string, losses: Losses, words: string): boolean {
  const [kind, name = ""] = what.split(" ");
  if (losses.some(({ unverified }) => unverified.length > 0) && words !== "") return true;
  if (kind === "task")
    return losses.some(
      ({ tasks, pages }) =>
        tasks.some(({ id }) => id === name) || pages.some((page) => page.tasks.includes(name)),
    );
  const seq = Number(name);
  const inside = (range: { readonly from: number; readonly to: number } | null) =>
    range !== null && seq >= range.from && seq <= range.to;
  return losses.some(
    ({ audit, pages }) => inside(audit) || pages.some(({ of, rows }) => of === "audit" && inside(rows)),
  );
}

function errorText(error: unknown): string {
  const known = toVmAgentError(error);
  return `${known.code}: ${known.message}\nnext: ${known.next}`;
}

const capturing = (lines: string[]): Output => ({
  json: false,
  color: false,
  isTTY: false,
  width: 200,
  out: (line) => void lines.push(line),
  err: (line) => void lines.push(line),
  paint: (_, text) => text,
});
