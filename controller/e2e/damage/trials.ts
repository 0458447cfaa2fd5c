/** Runs many damage trials: a writer is killed, its files are copied, and each copy is damaged in another way. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { databasePath } from "../../cli/system/home.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { seeded } from "../kill/seeded.ts";
import { type Acknowledged, copyHome, missingOf, runTrial, type Trial } from "./trial.ts";

/** Copies of one killed writer's files that are damaged. */
const COPIES = 10;

export interface Run {
  readonly trials: readonly Trial[];
  readonly kills: number;
  /** Kills after which a start reported a loss although nothing was damaged. */
  readonly falseAlarms: readonly string[];
}

export async function runTrials(
  count: number,
  seed: number,
  onTrial: (trial: Trial, n: number) => void,
): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-damage-"));
  const random = seeded(seed);
  const trials: Trial[] = [];
  const falseAlarms: string[] = [];
  let kills = 0;
  try {
    while (trials.length < count) {
      const home = join(folder, "killed");
      const said = await killedWriter(home, random);
      kills += 1;
      const whole = join(folder, "whole");
      copyHome(home, whole);
      const { sequence, wrong } = await undamaged(whole, said);
      falseAlarms.push(...wrong);
      const acknowledged = { ...said, sequence };
      for (let copy = 0; copy < COPIES && trials.length < count; copy++) {
        const damaged = join(folder, "damaged");
        copyHome(home, damaged);
        const trial = await runTrial(damaged, acknowledged, random);
        trials.push(trial);
        onTrial(trial, trials.length);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { trials, kills, falseAlarms };
}

/** Without damage nothing is missing and nothing is reported. */
async function undamaged(home: string, said: Omit<Acknowledged, "sequence">) {
  const store = openStore(databasePath(home));
  const sequence = new Map(store.audit.list(0, 1_000_000).map(({ subject, seq }) => [Number(subject), seq]));
  const missing = await missingOf(store, { ...said, sequence });
  const wrong = [...store.losses().map((loss) => JSON.stringify(loss).slice(0, 500)), ...missing];
  await store.close();
  return { wrong, sequence };
}

/** Runs for a random while, is killed, and may run on from there: some logs are short, some databases have many pages. */
async function killedWriter(home: string, random: () => number): Promise<Omit<Acknowledged, "sequence">> {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const found = { tasks: new Set<number>(), results: new Set<number>(), audit: new Set<number>() };
  const lives = 1 + Math.floor(random() * 2);
  for (let life = 0; life < lives; life++) {
    const bytes = 500 + Math.floor(random() ** 2 * 60_000);
    const said = await killAfter(databasePath(home), life * 100_000, bytes);
    for (const line of said) {
      const [what, n = ""] = line.split(" ");
      if (what === "task") found.tasks.add(Number(n));
      if (what === "result") found.results.add(Number(n));
      if (what === "audit") found.audit.add(Number(n));
    }
  }
  return { tasks: [...found.tasks], results: [...found.results], audit: [...found.audit] };
}

const WRITER = fileURLToPath(new URL("./writer.js", import.meta.url));

/** Whole lines that the writer said before it died. */
export async function killAfter(path: string, start: number, bytes: number): Promise<readonly string[]> {
  const writer = spawn(process.execPath, [WRITER, path, String(start)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  writer.stdout.on("data", (part: Buffer) => {
    said += part.toString();
    if (said.length > bytes) writer.kill("SIGKILL");
  });
  await new Promise((resolve) => writer.once("close", resolve));
  return said.slice(0, said.lastIndexOf("\n")).split("\n");
}
