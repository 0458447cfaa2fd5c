/** Finds the fleet files below a folder: every *.yaml and *.yml, in the same order on every machine. */
import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { MAX_FILE_BYTES, mustBePlain, PlainFileError, readPlainFile } from "../base/plain-file.ts";
import { type FleetError, fileError } from "./errors.ts";
import { isBelow, realOf } from "./trust.ts";

export interface FoundFile {
  /** Relative to the fleet folder, with forward slashes. */
  readonly path: string;
  readonly absolute: string;
  /** Changes when the file changes. */
  readonly stamp: string;
  readonly size: number;
}

export interface Listing {
  readonly files: readonly FoundFile[];
  readonly errors: readonly FleetError[];
}

/** A source of fleet files: the folder on disk, or a commit. */
export interface FleetFiles {
  /** Never throws: unreadable files are errors in the listing. */
  list(): Listing;
  /** Changes when the file changes; null: unreadable. */
  stamp(absolute: string): string | null;
  /** Throws as `readPlainFile` does. `isListed`: from a listing made just now. */
  read(absolute: string, isListed?: boolean): Uint8Array;
  /** Whether that is a file of the host; absent: all are. */
  isOnHost?(absolute: string): boolean;
}

/** The working tree. `except`: an excluded folder. */
export function filesOnDisk(folder: string, except?: string): FleetFiles {
  return {
    list: () => listFleetFiles(folder, except),
    stamp: stampAt,
    read: (absolute, isListed) => readPlainFile(absolute, MAX_FILE_BYTES, isListed),
  };
}

/** Maximum depth. */
export const MAX_DEPTH = 32;

/** Hidden files and editors' temporary files: .#x, x~, #x#, .x.swp. */
export function isIgnoredName(name: string): boolean {
  return (
    name.startsWith(".") ||
    name.endsWith("~") ||
    (name.startsWith("#") && name.endsWith("#")) ||
    name.endsWith(".swp")
  );
}

export function isFleetName(name: string): boolean {
  return !isIgnoredName(name) && /\.ya?ml$/i.test(name);
}

/** Whether a path relative to the fleet folder can be a fleet file. */
export function isFleetPath(path: string): boolean {
  const parts = path.split("/");
  return parts.every((part) => !isIgnoredName(part)) && isFleetName(parts.at(-1) ?? "");
}

function stampOf(stats: Stats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`;
}

export function stampAt(path: string): string | null {
  try {
    return stampOf(statSync(path));
  } catch {
    return null;
  }
}

/** Never throws: unreadable files are errors in the listing. Symbolic links are followed, each folder once. */
export function listFleetFiles(folder: string, except?: string): Listing {
  const files: FoundFile[] = [];
  const errors: FleetError[] = [];
  try {
    if (!statSync(folder).isDirectory()) {
      return { files, errors: [fileError("", `the fleet folder "${folder}" is not a folder`, "missing")] };
    }
  } catch (error) {
    return { files, errors: [folderError(folder, error)] };
  }
  const own = except === undefined ? undefined : realOf(except);
  walk(folder, "", { files, errors, visited: new Set(), depth: 0, own, seen: { entries: 0 } });
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return bounded({ files, errors });
}

/** Maximum files and folders, fleet files, and bytes of them in a fleet folder. */
const MAX_ENTRIES = 200_000;
const MAX_FILES = 20_000;
const MAX_TOTAL_BYTES = 32 * 1024 * 1024;

/** Nothing is read of a listing that is too large. */
export function bounded({ files, errors }: Listing): Listing {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const excess =
    files.length > MAX_FILES
      ? `holds ${files.length} fleet files, and ${MAX_FILES} are the most`
      : bytes > MAX_TOTAL_BYTES
        ? `holds ${Math.ceil(bytes / 1024)} KiB of fleet files, and ${MAX_TOTAL_BYTES / 1024} KiB are the most`
        : null;
  if (excess === null) return { files, errors };
  const next = "put several agents into one file, use replicas and profiles, or make two fleets of it";
  return { files: [], errors: [fileError("", `the fleet folder ${excess}`, "invalid", next)] };
}

interface Walk {
  readonly files: FoundFile[];
  readonly errors: FleetError[];
  readonly visited: Set<string>;
  readonly depth: number;
  /** vm-agent's state folder, with links resolved; excluded under any path. */
  readonly own: string | undefined;
  readonly seen: { entries: number };
}

function walk(absolute: string, relative: string, state: Walk): void {
  let entries: Dirent[];
  try {
    const real = realpathSync(absolute);
    if (state.own !== undefined && isBelow(real, state.own)) return;
    if (state.visited.has(real) || state.depth > MAX_DEPTH) return;
    state.visited.add(real);
    if (state.seen.entries > MAX_ENTRIES) return;
    entries = readdirSync(absolute, { withFileTypes: true });
    state.seen.entries += entries.length;
    if (state.seen.entries > MAX_ENTRIES) {
      const message = `the fleet folder holds more than ${MAX_ENTRIES} files and folders; the last one read is "${relative}"`;
      state.errors.push(fileError("", message, "invalid", "look for a link that leads out of it"));
      return;
    }
  } catch (error) {
    state.errors.push(relative === "" ? folderError(absolute, error) : unreadable(relative, error));
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const visible = entries.filter((entry) => !isIgnoredName(entry.name));
  for (const entry of visible) {
    const isFolder = entry.isDirectory();
    if (!isFolder && !entry.isSymbolicLink()) continue;
    const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
    if (!isFolder && !leadsToFolder(join(absolute, entry.name))) continue;
    if (isFleetName(entry.name))
      state.errors.push(fileError(path, "is a folder; a fleet file is a plain file", "invalid"));
    else walk(join(absolute, entry.name), path, { ...state, depth: state.depth + 1 });
  }
  const candidates = visible.filter((entry) => isFleetName(entry.name) && !entry.isDirectory());
  for (const entry of candidates) addFile(absolute, relative, entry, state);
}

function leadsToFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function addFile(folder: string, relative: string, entry: Dirent, state: Walk): void {
  const { name } = entry;
  const isLink = entry.isSymbolicLink();
  const path = relative === "" ? name : `${relative}/${name}`;
  const absolute = join(folder, name);
  try {
    const stats = statSync(absolute);
    if (stats.isDirectory()) return;
    mustBePlain(stats);
    if (state.own !== undefined && isLink && isBelow(realOf(absolute), state.own)) {
      state.errors.push(
        fileError(path, "is a link into the state folder of vm-agent", "invalid", "take it out"),
      );
      return;
    }
    state.files.push({ path, absolute, stamp: stampOf(stats), size: stats.size });
  } catch (error) {
    // Removed since the folder was listed: treated as absent. A dangling link stays an error.
    if (errnoOf(error) !== "ENOENT" || isLink) state.errors.push(unreadable(path, error));
  }
}

export function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? "unknown error";
}

export function unreadable(path: string, error: unknown): FleetError {
  if (error instanceof PlainFileError) return fileError(path, error.message, "invalid");
  const code = errnoOf(error);
  const words: Readonly<Record<string, string>> = {
    EACCES: "cannot be read: permission denied",
    EPERM: "cannot be read: permission denied",
    ENOENT: "is a link that leads nowhere",
    ELOOP: "is a link that leads back to itself",
  };
  const next =
    code === "EACCES" || code === "EPERM" ? "run vm-agent as a user who may read it, or chmod u+r" : null;
  return fileError(path, words[code] ?? `cannot be read: ${code}`, "unreadable", next);
}

export function folderError(folder: string, error: unknown): FleetError {
  if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") {
    return fileError(
      "",
      `the fleet folder "${folder}" does not exist`,
      "missing",
      "vm-agent init writes a first one, --fleet DIR names another",
    );
  }
  return fileError("", `the fleet folder "${folder}" cannot be read: ${errnoOf(error)}`, "unreadable");
}
