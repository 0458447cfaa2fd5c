// Copies between the host and a guest's tree, with the complaints of an SFTP client.
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { copyTree } from "./copy-tree.ts";
import { inGuest } from "../guest/inside.ts";
import { write } from "../frontend/output.ts";
import { guestRoot } from "../paths.ts";
import { removeTree } from "./remove-tree.ts";

export class TransferError extends Error {}

export interface TransferOptions {
  readonly recursive: boolean;
  readonly parents: boolean;
}

/** Where the ordinary user of a guest may not go; the guest's owner on the host could. */
const CLOSED = /^\/(root|boot|etc|usr|bin|sbin|lib)(\/|$)/;

/** From the host ("-": stdin) into an instance. */
export function upload(source: string, instance: string, path: string, options: TransferOptions): void {
  const wanted = posix.resolve("/home/ubuntu", path);
  let target = inGuest(guestRoot(instance), wanted);
  if (source !== "-") {
    if (!existsSync(source)) throw new TransferError(`cannot access ${source}: No such file or directory`);
    if (statSync(source).isDirectory() && !options.recursive) {
      throw new TransferError(`omitting local directory ${source}: recursive mode not specified`);
    }
    if (isFolder(target)) target = join(target, basename(source));
  }
  if (CLOSED.test(wanted))
    throw new TransferError(`cannot open remote file ${path}: SFTP server: Permission denied`);
  prepare(target, options, "remote target does not exist");
  if (source === "-") writeFileSync(target, readFileSync(0));
  else copy(source, target);
}

/** From an instance to the host ("-": stdout). */
export function download(instance: string, path: string, target: string, options: TransferOptions): void {
  const source = inGuest(guestRoot(instance), posix.resolve("/home/ubuntu", path));
  if (!existsSync(source))
    throw new TransferError(`cannot open remote file ${path}: SFTP server: No such file`);
  if (statSync(source).isDirectory() && !options.recursive) {
    throw new TransferError(`omitting remote directory ${path}: recursive mode not specified`);
  }
  if (target === "-") {
    write(1, readFileSync(source));
    return;
  }
  const place = isFolder(target) ? join(target, basename(path)) : target;
  prepare(place, options, "local target does not exist");
  copy(source, place);
}

function prepare(target: string, options: TransferOptions, complaint: string): void {
  if (existsSync(dirname(target))) return;
  if (!options.parents) throw new TransferError(complaint);
  mkdirSync(dirname(target), { recursive: true });
}

function copy(source: string, target: string): void {
  if (!statSync(source).isDirectory()) {
    cpSync(source, target, { dereference: true });
    return;
  }
  if (!existsSync(target)) {
    copyTree(source, target);
    return;
  }
  const staged = `${target}.incoming`;
  removeTree(staged);
  copyTree(source, staged);
  cpSync(staged, target, { recursive: true, force: true, verbatimSymlinks: true });
  removeTree(staged);
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();
