/** The fleet folder of a commit, with the interface of the folder on disk; links are followed within the commit. */
import { dirname, join, normalize, relative, resolve, sep } from "node:path";
import { MAX_FILE_BYTES, PlainFileError, readPlainFile, tooLarge } from "../../base/plain-file.ts";
import { type FleetError, fileError } from "../errors.ts";
import {
  bounded,
  type FleetFiles,
  type FoundFile,
  isFleetName,
  isIgnoredName,
  type Listing,
  MAX_DEPTH,
  stampAt,
} from "../files.ts";
import { type Repository, shortRevision } from "./git.ts";
import { type BlobCache, createBlobCache, listPaths, listTree, type TreeEntry } from "./blobs.ts";

export interface CommitFiles extends FleetFiles {
  /** Reads the fleet folder of this commit; files outside of it are read on request. */
  open(commit: string): Promise<void>;
  /** Reads requested files that are missing; false: none were, so the reading is complete. */
  load(): Promise<boolean>;
}

const MAX_HOPS = 32;
/** A link may lead to a folder with links, and so on. */
const MAX_ROUNDS = 10;

interface State {
  readonly repository: Repository;
  readonly blobs: BlobCache;
  readonly folder: string;
  commit: string;
  readonly entries: Map<string, TreeEntry>;
  readonly children: Map<string, TreeEntry[]>;
  /** Folders and paths of which everything is known, including absence. */
  readonly covered: Set<string>;
  readonly wanted: {
    readonly paths: Set<string>;
    readonly folders: Set<string>;
    readonly blobs: Set<TreeEntry>;
  };
  listing: Listing;
}

export function createCommitFiles(repository: Repository, folder: string): CommitFiles {
  const state: State = {
    repository,
    blobs: createBlobCache(repository),
    folder: resolve(folder),
    commit: "",
    entries: new Map(),
    children: new Map(),
    covered: new Set(),
    wanted: { paths: new Set(), folders: new Set(), blobs: new Set() },
    listing: { files: [], errors: [] },
  };
  return {
    async open(commit) {
      if (commit === state.commit) return;
      for (const known of [state.entries, state.children, state.covered]) known.clear();
      state.commit = commit;
      try {
        if (!(await addFolder(state, repository.prefix))) {
          const message = `there is no folder "${repository.prefix}" in the commit ${shortRevision(commit)}`;
          state.listing = { files: [], errors: [fileError("", message, "missing")] };
          return;
        }
        for (let round = 0; round < MAX_ROUNDS; round++) {
          state.listing = listFolder(state);
          if (!(await satisfy(state))) break;
        }
        state.blobs.keep(new Set([...state.entries.values()].map(({ oid }) => oid)));
      } catch (error) {
        state.commit = "";
        throw error;
      }
    },
    load: () => satisfy(state),
    list: () => state.listing,
    isOnHost: (absolute) => pathInGuest(state, absolute) === null,
    stamp(absolute) {
      const path = pathInGuest(state, absolute);
      if (path === null) return stampAt(absolute);
      const found = follow(state, path);
      if (found.kind !== "found") return null;
      return isTooLarge(found.entry) || contentOf(state, found.entry) !== null ? found.entry.oid : null;
    },
    read(absolute) {
      const path = pathInGuest(state, absolute);
      if (path === null) return readPlainFile(absolute);
      const found = follow(state, path);
      if (found.kind !== "found") throw errno(found.kind === "outside" ? "EXDEV" : "ENOENT", path);
      if (isFolder(found.entry)) throw new PlainFileError("EISDIR", "is a folder");
      if (!isFile(found.entry)) throw new PlainFileError("ENOTREG", "is a submodule, not a plain file");
      if (isTooLarge(found.entry)) throw tooLarge(MAX_FILE_BYTES);
      const content = contentOf(state, found.entry);
      if (content === null) throw errno("ENOENT", path);
      return content;
    },
  };
}

const isLink = (entry: TreeEntry): boolean => entry.mode === "120000";
const isFolder = (entry: TreeEntry): boolean => entry.mode === "040000";
const isFile = (entry: TreeEntry): boolean => entry.mode.startsWith("100");
/** The kernel's limit. */
const MAX_LINK_BYTES = 4096;
/** Such a blob is never read. */
const isTooLarge = (entry: TreeEntry): boolean =>
  entry.size > (isLink(entry) ? MAX_LINK_BYTES : MAX_FILE_BYTES);

function errno(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** From the repository's root; null: outside of it, where no commit reaches. */
function pathInGuest(state: State, absolute: string): string | null {
  const path = normalize(
    join(state.repository.prefix, relative(state.folder, absolute).split(sep).join("/")),
  );
  return path === ".." || path.startsWith("../") ? null : path;
}

function contentOf(state: State, entry: TreeEntry): Uint8Array | null {
  const content = state.blobs.get(entry.oid);
  if (content === undefined) state.wanted.blobs.add(entry);
  return content ?? null;
}

type Followed =
  | { readonly kind: "found"; readonly path: string; readonly entry: TreeEntry }
  | { readonly kind: "missing" | "outside" | "unknown" };

/** The target of a path. `unknown`: the next `load` reads it. */
function follow(state: State, path: string, hops = 0): Followed {
  const parts = path.split("/");
  for (let i = 1; i <= parts.length; i++) {
    const here = parts.slice(0, i).join("/");
    const entry = state.entries.get(here);
    if (entry === undefined) {
      if (isCovered(state, here)) return { kind: "missing" };
      state.wanted.paths.add(path);
      return { kind: "unknown" };
    }
    if (!isLink(entry)) {
      if (i === parts.length) return { kind: "found", path: here, entry };
      continue;
    }
    if (isTooLarge(entry)) return { kind: "missing" };
    const content = contentOf(state, entry);
    if (content === null) return { kind: "unknown" };
    const target = Buffer.from(content).toString("utf8");
    const next = normalize(join(dirname(here), target, ...parts.slice(i)));
    if (target.startsWith("/") || next === ".." || next.startsWith("../")) return { kind: "outside" };
    return hops < MAX_HOPS ? follow(state, next.replace(/\/$/, ""), hops + 1) : { kind: "missing" };
  }
  return { kind: "missing" };
}

function isCovered(state: State, path: string): boolean {
  if (state.covered.has(path) || state.covered.has("")) return true;
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    if (state.covered.has(path.slice(0, at))) return true;
  }
  return false;
}

/** False: the commit has no such folder. */
async function addFolder(state: State, folder: string): Promise<boolean> {
  const entries = await listTree(state.repository, state.commit, folder);
  if (entries === null) return false;
  for (let path = folder; path !== "" && path !== "."; path = dirname(path)) {
    if (!state.entries.has(path)) state.entries.set(path, { path, mode: "040000", oid: "", size: 0 });
  }
  for (const entry of entries) add(state, entry);
  state.covered.add(folder);
  await state.blobs.load(entries.filter((entry) => isLink(entry) && !isTooLarge(entry)));
  return true;
}

function add(state: State, entry: TreeEntry): void {
  state.entries.set(entry.path, entry);
  const folder = dirname(entry.path) === "." ? "" : dirname(entry.path);
  const children = state.children.get(folder);
  if (children === undefined) state.children.set(folder, [entry]);
  else children.push(entry);
}

/** Reads all requested paths; false: there were none. */
async function satisfy(state: State): Promise<boolean> {
  const { paths, folders, blobs } = state.wanted;
  if (paths.size + folders.size + blobs.size === 0) return false;
  const asked = new Set<string>();
  for (const path of paths) {
    const parts = path.split("/");
    for (const [i] of parts.entries()) asked.add(parts.slice(0, i + 1).join("/"));
  }
  for (const path of asked) if (state.entries.has(path) || isCovered(state, path)) asked.delete(path);
  if (asked.size > 0) {
    const found = await listPaths(state.repository, state.commit, [...asked]);
    for (const entry of found) state.entries.set(entry.path, entry);
    // A folder that was found may have unknown content.
    const there = new Set(found.filter(isFolder).map(({ path }) => path));
    for (const path of asked) if (!there.has(path)) state.covered.add(path);
  }
  for (const folder of folders) if (!(await addFolder(state, folder))) state.covered.add(folder);
  await state.blobs.load([...blobs]);
  for (const set of [paths, folders, blobs]) set.clear();
  return true;
}

function listFolder(state: State): Listing {
  const files: FoundFile[] = [];
  const errors: FleetError[] = [];
  const wanted: TreeEntry[] = [];
  const visited = new Set<string>();
  const walk = (real: string, shown: string, depth: number) => {
    if (visited.has(real) || depth > MAX_DEPTH) return;
    visited.add(real);
    const children = (state.children.get(real) ?? []).filter((c) => !isIgnoredName(nameOf(c)));
    children.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    for (const child of children)
      visit(child, shown === "" ? nameOf(child) : `${shown}/${nameOf(child)}`, depth);
  };
  const visit = (child: TreeEntry, path: string, depth: number) => {
    const found = follow(state, child.path);
    const isFleet = isFleetName(nameOf(child));
    if (found.kind === "unknown") return;
    if (found.kind !== "found") {
      if (isFleet) errors.push(linkError(path, found.kind));
      return;
    }
    const { entry } = found;
    if (isFolder(entry)) {
      if (isFleet) errors.push(fileError(path, "is a folder; a fleet file is a plain file", "invalid"));
      else if (isCovered(state, entry.path)) walk(entry.path, path, depth + 1);
      else state.wanted.folders.add(entry.path);
    } else if (!isFile(entry)) {
      errors.push(fileError(path, "is a submodule; what is in it is no part of this commit", "unreadable"));
    } else if (isFleet) {
      const size = isTooLarge(entry) ? 0 : entry.size;
      files.push({ path, absolute: join(state.folder, path), stamp: entry.oid, size });
      if (!isTooLarge(entry)) wanted.push(entry);
    }
  };
  walk(state.repository.prefix, "", 0);
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const listing = bounded({ files, errors });
  if (listing.files.length > 0) for (const entry of wanted) contentOf(state, entry);
  return listing;
}

const nameOf = (entry: TreeEntry): string => entry.path.slice(entry.path.lastIndexOf("/") + 1);

function linkError(path: string, kind: "missing" | "outside"): FleetError {
  const where = kind === "outside" ? "out of the repository, where no commit reaches" : "nowhere";
  return fileError(path, `is a link that leads ${where}`, "unreadable");
}
