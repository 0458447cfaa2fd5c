/** What the real Multipass 1.16.3 printed, for the tests beside this file. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../base/paths.ts";

export interface Recording {
  readonly name: string;
  readonly cmd: string;
  readonly rc: number;
  readonly stdout: string;
  readonly stderr: string;
}

const folder = join(packageRoot(), "controller", "drivers", "testdata");

export const FAKE_MULTIPASS = join(folder, "fake-multipass.sh");

export function recordings(): readonly Recording[] {
  const lines = readFileSync(join(folder, "1.16.3", "recordings.jsonl"), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Recording);
}

/** Failure code to the names of the recordings that have it. */
export function recordedCodes(): Readonly<Record<string, readonly string[]>> {
  return JSON.parse(readFileSync(join(folder, "1.16.3", "codes.json"), "utf8")) as Record<string, string[]>;
}
