// The images that can be named, and what a custom one must be.
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Refusal } from "../failure.ts";

export interface Release {
  /** The first is the key in `find`, the rest its aliases. */
  readonly names: readonly string[];
  readonly title: string;
  readonly version: string;
  readonly remote: "" | "daily";
  /** Shown by `find` always, only with --show-unsupported, or only when asked for by name. */
  readonly shown: "always" | "unsupported" | "by name";
}

// The first four are what was recorded; the others let fleets name further releases. Nothing is ever downloaded.
export const RELEASES: readonly Release[] = [
  release("18.04 bionic", "18.04 LTS", "20230607", "unsupported"),
  release("22.04 jammy", "22.04 LTS", "20261110", "always"),
  release("24.04 noble lts", "24.04 LTS", "20261115", "always"),
  release("26.10 stonking devel", "26.10", "20261120", "always", "daily"),
  release("20.04 focal", "20.04 LTS", "20250605", "by name"),
  release("25.10 questing", "25.10", "20261101", "by name"),
  release("26.04 resolute", "26.04 LTS", "20261101", "by name"),
];

function release(
  names: string,
  title: string,
  version: string,
  shown: Release["shown"],
  remote: Release["remote"] = "",
): Release {
  return { names: names.split(" "), title, version, remote, shown };
}

export interface Image {
  readonly title: string;
  readonly hash: string;
  readonly custom: boolean;
  /** Bytes that a disk needs at least. */
  readonly minimumDisk: number;
}

const REMOTES: readonly string[] = ["", "release", "daily", "snapcraft", "appliance"];

/** `remote:name` in its parts; refuses remotes that do not exist. */
export function splitRemote(text: string): { readonly remote: string; readonly name: string } {
  const colon = text.indexOf(":");
  const remote = colon < 0 ? "" : text.slice(0, colon);
  if (!REMOTES.includes(remote)) {
    const advice = "Please use `multipass find` for supported remotes and images.";
    throw new Refusal(`Remote '${remote}' is not found. ${advice}`);
  }
  return { remote, name: text.slice(colon + 1) };
}

/** The image that a launch asks for; an address is taken at its word, a file must exist. */
export function resolveImage(text: string): Image {
  if (text.startsWith("file://")) return fileImage(text);
  if (/^https?:\/\//.test(text)) return { title: "", hash: sha256(text), custom: true, minimumDisk: 0 };
  const { remote, name } = splitRemote(text);
  const found = findRelease(remote, name);
  if (!found) throw new Refusal(`Unable to find an image matching "${name}" in remote "${remote}".`);
  return { title: found.title, hash: sha256(found.version), custom: false, minimumDisk: 0 };
}

/** By one of its names, or by the beginning of its hash. */
export function findRelease(remote: string, name: string): Release | undefined {
  const wanted = ["", "default", "ubuntu"].includes(name) ? "lts" : name;
  return RELEASES.find(
    (it) =>
      (it.names.includes(wanted) || sha256(it.version).startsWith(wanted)) &&
      (remote === "" || it.remote === (remote === "release" ? "" : remote)),
  );
}

function fileImage(text: string): Image {
  const path = text.startsWith("file:///")
    ? fileURLToPath(text)
    : join(process.cwd(), text.slice("file://".length));
  try {
    const { size, mtimeMs } = statSync(path);
    return {
      title: "",
      hash: size <= HASHED ? fileHash(path) : sha256(`${path} ${size} ${mtimeMs}`),
      custom: true,
      minimumDisk: virtualSize(path, size),
    };
  } catch {
    throw new Refusal(`Custom image \`${path}\` does not exist.`);
  }
}

/** Bytes; a larger image is identified by path and modification time, because its content is never read here. */
const HASHED = 64 * 1024 * 1024;

/** SHA-256 of what the file holds. */
function fileHash(path: string): string {
  const hash = createHash("sha256");
  const part = Buffer.alloc(1024 * 1024);
  const fd = openSync(path, "r");
  try {
    for (let n = readSync(fd, part); n > 0; n = readSync(fd, part)) hash.update(part.subarray(0, n));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}

/** A raw image is as large as its file; a qcow2 image says its size in bytes 24 to 31. */
function virtualSize(path: string, size: number): number {
  const header = Buffer.alloc(32);
  const fd = openSync(path, "r");
  try {
    readSync(fd, header, 0, 32, 0);
  } finally {
    closeSync(fd);
  }
  return header.toString("latin1", 0, 4) === "QFI\u00fb" ? Number(header.readBigUInt64BE(24)) : size;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
