/**
 * Files in a folder owned by another user, handled by a runtime that may be root. No path is followed below the folder,
 * nothing is removed recursively (a folder could become a link meanwhile), and only the owner's own files are read.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { errorCode, syncDir } from "../host/files.ts";

/** Entries looked at in one go. */
export const SCANNED = 2000;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Names {
  /** Sorted; hidden ones are still being written. */
  readonly names: readonly string[];
  /** False: there are more entries than were looked at. */
  readonly complete: boolean;
}

export function namesIn(folder: string, ending: string): Names {
  const names: string[] = [];
  try {
    const entries = opendirSync(folder);
    try {
      for (let seen = 0; seen < SCANNED; seen += 1) {
        const entry = entries.readSync();
        if (entry === null) return { names: names.sort(), complete: true };
        if (entry.name.endsWith(ending) && !entry.name.startsWith(".")) names.push(entry.name);
      }
    } finally {
      entries.closeSync();
    }
  } catch {
    return { names: [], complete: true };
  }
  return { names: names.sort(), complete: false };
}

export interface OwnFile {
  readonly text: string;
  readonly inode: number;
  /** Milliseconds since the Unix epoch, as whoever owns the file likes to have it. */
  readonly modifiedAt: number;
}

/**
 * The text of a plain file that belongs to the folder's owner; else why not, or null when there is none. What is looked at is
 * the file that was opened, whatever its name means by then.
 */
export function readOwn(folder: string, name: string, maxBytes: number): OwnFile | string | null {
  let fd: number;
  try {
    fd = openSync(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return errorCode(error) === "ENOENT" ? null : `it cannot be opened: ${errorCode(error)}`;
  }
  try {
    const about = fstatSync(fd);
    if (!about.isFile() || about.nlink !== 1 || about.uid !== lstatSync(folder).uid)
      return "it is not a plain file of the task user";
    if (about.size > maxBytes) return `it has more than ${maxBytes} bytes`;
    const bytes = Buffer.alloc(maxBytes);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    return { text: bytes.toString("utf8", 0, length), inode: about.ino, modifiedAt: about.mtimeMs };
  } catch (error) {
    return `it cannot be read: ${errorCode(error)}`;
  } finally {
    closeSync(fd);
  }
}

/** Removes the name, whatever it refers to. A folder that is not empty is kept under a reserved name. */
export function discard(folder: string, name: string): void {
  const path = join(folder, name);
  try {
    unlinkSync(path);
    return;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
  }
  try {
    rmdirSync(path);
  } catch {
    renameSync(path, join(folder, `.folder-${process.hrtime.bigint()}`));
  }
}

/** Under its name all at once, as that owner's file. */
export function putOwn(folder: string, name: string, text: string, owner: Owner | null): void {
  const temporary = join(folder, `.${name}.tmp`);
  discard(folder, `.${name}.tmp`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    if (owner !== null) fchownSync(fd, owner.uid, owner.gid);
    fsyncSync(fd);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, join(folder, name));
  syncDir(folder);
}
