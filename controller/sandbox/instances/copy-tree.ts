// Copies a guest's tree with rights, times and links as they are; blocks are shared where the file system can.
import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";

const isRoot = process.getuid?.() === 0;

/** The target must not exist yet. Sockets, pipes and devices are left out: they mean nothing without the process behind them. */
export function copyTree(source: string, target: string): void {
  const stat = lstatSync(source);
  if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(source), target);
    lutimesSync(target, stat.atime, stat.mtime);
  } else if (stat.isDirectory()) {
    mkdirSync(target, { recursive: true });
    for (const name of readdirSync(source)) copyTree(join(source, name), join(target, name));
  } else if (stat.isFile()) {
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
  } else {
    return;
  }
  if (isRoot) lchownSync(target, stat.uid, stat.gid);
  if (stat.isSymbolicLink()) return;
  chmodSync(target, stat.mode & 0o7777);
  utimesSync(target, stat.atime, stat.mtime);
}
