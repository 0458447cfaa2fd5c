/** The output of a command whose screen is in use: lines in a file, which is restarted when it is long. */
import { appendFileSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Output } from "./output.ts";

export interface FileOutput extends Output {
  /** Unchanged, with its own line break. */
  readonly append: (text: string) => void;
}

const LONGEST = 5 * 1024 * 1024;

/** Never throws: a full disk is reported elsewhere, and must not end the process. */
export function outputTo(path: string): FileOutput {
  let begun = false;
  const append = (text: string): void => {
    try {
      if (!begun) begin(path);
      begun = true;
      appendFileSync(path, stripVTControlCharacters(text), { mode: 0o600 });
    } catch {
      // Not read while it is written.
    }
  };
  const print = (text: string): void => append(`${text}\n`);
  return {
    color: false,
    isTTY: false,
    width: 100,
    json: false,
    append,
    out: print,
    err: print,
    paint: (_role, text) => text,
  };
}

/** One former file is kept. */
function begin(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LONGEST) renameSync(path, `${path}.1`);
}
