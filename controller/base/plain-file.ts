/** Reads user-named files: plain files of a bounded size only, never a FIFO, a device or a folder. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";

/** Documents, cloud-init, secrets, certificates. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** The part of a sentence after the file's name; codes of `node:fs`, and `ENOTREG`, `EFBIG`. */
export class PlainFileError extends Error {
  readonly code: "ENOTREG" | "EISDIR" | "EFBIG";

  constructor(code: PlainFileError["code"], message: string) {
    super(message);
    this.name = "PlainFileError";
    this.code = code;
  }
}

/**
 * Follows symbolic links. The path is checked before it is opened, because opening a device may act on it; and again
 * once it is open, because it may have been replaced. Nothing is read of a refused file. Throws `PlainFileError`, or as
 * `node:fs` does. `isListed`: it was just checked for a listing; a check takes a tenth as long as the rest.
 */
export function readPlainFile(path: string, maxBytes = MAX_FILE_BYTES, isListed = false): Buffer {
  if (!isListed) mustBePlain(statSync(path), maxBytes);
  const { file, size } = open(path, maxBytes);
  try {
    // Files of /proc report size 0 and have content all the same.
    const content = Buffer.allocUnsafe(size === 0 ? maxBytes + 1 : size);
    let end = 0;
    for (let bytes = -1; bytes !== 0 && end < content.length; end += bytes)
      bytes = readSync(file, content, end, content.length - end, null);
    if (end > maxBytes) throw tooLarge(maxBytes);
    return content.subarray(0, end);
  } finally {
    closeSync(file);
  }
}

/** A descriptor for reading, closed by the caller. */
function open(path: string, maxBytes: number): { readonly file: number; readonly size: number } {
  // O_NONBLOCK: a FIFO that has replaced the file would wait for a writer.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(file);
    mustBePlain(stats, maxBytes);
    return { file, size: stats.size };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Throws for what `readPlainFile` would refuse. */
export function mustBePlain(stats: Stats, maxBytes = MAX_FILE_BYTES): void {
  if (stats.isDirectory()) throw new PlainFileError("EISDIR", "is a folder");
  if (!stats.isFile()) throw new PlainFileError("ENOTREG", `is ${kindOf(stats)}, not a plain file`);
  if (stats.size > maxBytes) throw tooLarge(maxBytes);
}

export function mustBeFolder(stats: Stats): void {
  if (!stats.isDirectory()) throw new PlainFileError("ENOTREG", "is not a folder");
}

export const tooLarge = (maxBytes: number): PlainFileError =>
  new PlainFileError("EFBIG", `is larger than ${Math.floor(maxBytes / 1024)} KiB`);

function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isSocket()) return "a socket";
  return stats.isCharacterDevice() || stats.isBlockDevice() ? "a device" : "a special file";
}
