/** The installed service: ours or not, its fleet, its state, its log's last error. Read-only. */
import { existsSync, readFileSync } from "node:fs";
import { MARK } from "../../../provisioning/service.ts";
import type { Run } from "../../base/process/exec.ts";
import type { Manager } from "./manager.ts";

export interface Installed {
  readonly text: string;
  /** Created by install-service. */
  readonly ours: boolean;
  /** Programs and folders that it names. */
  readonly paths: readonly string[];
}

/** null: there is no such file. */
export function readInstalled(file: string): Installed | null {
  if (!existsSync(file)) return null;
  const text = readFileSync(file, "utf8");
  return { text, ours: text.includes(MARK), paths: pathsIn(text) };
}

/** Node and program of either kind of file: the quoted words of ExecStart, or the strings of ProgramArguments. */
function pathsIn(text: string): readonly string[] {
  const unit = /^ExecStart=(.*)$/m.exec(text)?.[1];
  if (unit !== undefined)
    return [...unit.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
      .map(([, word = ""], i) => {
        const plain = word.replaceAll(/\\(.)/g, "$1").replaceAll("%%", "%");
        return i === 0 ? plain : plain.replaceAll("$$", "$");
      })
      .slice(0, 2);
  const list = /<key>ProgramArguments<\/key>\s*<array>([\s\S]*?)<\/array>/.exec(text)?.[1] ?? "";
  return [...list.matchAll(/<string>([^<]*)<\/string>/g)]
    .map(([, word = ""]) => word.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"))
    .slice(0, 2);
}

/** The fleet of an installed file. */
export const isForFleet = (installed: Installed, rendered: string): boolean =>
  fleetLine(installed.text) === fleetLine(rendered);

const fleetLine = (text: string): string | undefined =>
  /VM_AGENT_FLEET(?:=(.*)$|<\/key>\s*(<string>.*<\/string>))/m.exec(text)?.slice(1).find(Boolean);

export async function isRunning(manager: Manager, run: Run, deadlineMs: number): Promise<boolean> {
  const [file, ...args] = manager.state;
  return (await run(file, args, { deadlineMs })).exitCode === 0;
}

/** Bytes of a log file's end that are searched. */
const TAIL = 64 * 1024;

/** The last error line; null: none among the newest. */
export async function lastError(
  manager: Manager,
  home: string,
  run: Run,
  deadlineMs: number,
): Promise<string | null> {
  const file = manager.logFile(home);
  let text = "";
  if (manager.log !== null) {
    const [program, ...args] = manager.log;
    text = (await run(program, args, { deadlineMs })).stdout;
  } else if (file !== null && existsSync(file)) text = readFileSync(file, "utf8").slice(-TAIL);
  return text.split("\n").findLast((line) => ERROR_LINE.test(line)) ?? null;
}

/** As printed by commands, and by the logger in both of its formats. */
const ERROR_LINE = /^error: |^\S+ error |"level":"error"/i;
