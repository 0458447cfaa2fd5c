/** Reads trees and blobs of a repository, many in one call, byte for byte. */
import { type Repository, git, gitFailure } from "./git.ts";

export interface TreeEntry {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  /** `100644`, `100755`, `120000` (a link), `040000` (a folder), `160000` (a submodule). */
  readonly mode: string;
  readonly oid: string;
  /** Bytes; 0 for other types. */
  readonly size: number;
}

/** Blobs are requested in batches of this size, so that no answer is truncated. */
const PORTION_BYTES = 8 * 1024 * 1024;
const MAX_LISTING_BYTES = 256 * 1024 * 1024;
const DEADLINE_MS = 60_000;

/** Everything below a folder of a commit, without the folder; null: there is no such folder. */
export async function listTree(
  repository: Repository,
  commit: string,
  folder: string,
): Promise<readonly TreeEntry[] | null> {
  const tree = `${commit}:${folder}`;
  const kind = await git(repository.top, ["cat-file", "-t", tree]);
  if (kind.exitCode !== 0 || kind.stdout.trim() !== "tree") {
    if (kind.exitCode === null) throw new Error(gitFailure(kind));
    return null;
  }
  const entries = await list(repository, ["-r", "-t", tree]);
  return folder === "" ? entries : entries.map((entry) => ({ ...entry, path: `${folder}/${entry.path}` }));
}

/** These paths of a commit, as far as they exist; for a folder only itself. */
export function listPaths(
  repository: Repository,
  commit: string,
  paths: readonly string[],
): Promise<readonly TreeEntry[]> {
  return list(repository, ["-t", "--full-tree", commit, "--", ...paths]);
}

async function list(repository: Repository, args: readonly string[]): Promise<readonly TreeEntry[]> {
  const options = { deadlineMs: DEADLINE_MS, maxOutputBytes: MAX_LISTING_BYTES };
  const result = await git(repository.top, ["ls-tree", "-l", "-z", ...args], options);
  if (result.exitCode !== 0 || result.truncated) throw new Error(gitFailure(result));
  return result.stdout
    .split("\0")
    .filter((record) => record !== "")
    .map((record) => {
      const tab = record.indexOf("\t");
      const [mode = "", , oid = "", size = ""] = record.slice(0, tab).split(/ +/);
      return { path: record.slice(tab + 1), mode, oid, size: Number(size) || 0 };
    });
}

export interface BlobRef {
  readonly oid: string;
  readonly size: number;
}

/** Cache of blobs by hash: a commit that changed one file of ten thousand costs one. */
export interface BlobCache {
  get(oid: string): Uint8Array | undefined;
  /** Drops all others. */
  keep(oids: ReadonlySet<string>): void;
  /** Reads the missing ones. */
  load(refs: readonly BlobRef[]): Promise<void>;
}

export function createBlobCache(repository: Repository): BlobCache {
  const known = new Map<string, Uint8Array>();
  return {
    get: (oid) => known.get(oid),
    keep(oids) {
      for (const oid of known.keys()) if (!oids.has(oid)) known.delete(oid);
    },
    async load(refs) {
      const missing = new Map(refs.filter(({ oid }) => !known.has(oid)).map((ref) => [ref.oid, ref]));
      let portion: BlobRef[] = [];
      let bytes = 0;
      const flush = async () => {
        if (portion.length > 0)
          for (const [oid, content] of await readBlobs(repository, portion)) known.set(oid, content);
        portion = [];
        bytes = 0;
      };
      for (const ref of missing.values()) {
        portion.push(ref);
        bytes += ref.size;
        if (bytes >= PORTION_BYTES) await flush();
      }
      await flush();
    },
  };
}

/** `git cat-file --batch`: a line with hash, kind and size, the content, a line feed. */
async function readBlobs(
  repository: Repository,
  refs: readonly BlobRef[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const result = await git(repository.top, ["cat-file", "--batch"], {
    input: `${refs.map(({ oid }) => oid).join("\n")}\n`,
    encoding: "latin1",
    deadlineMs: DEADLINE_MS,
    maxOutputBytes: refs.reduce((sum, { size }) => sum + size + 256, 1024),
  });
  if (result.exitCode !== 0 || result.truncated) throw new Error(gitFailure(result));
  const text = result.stdout;
  const blobs = new Map<string, Uint8Array>();
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    const [oid = "", kind, size = ""] = text.slice(at, end).split(" ");
    if (kind !== "blob") throw new Error(`the repository lacks the blob ${oid}`);
    const start = end + 1;
    blobs.set(oid, Buffer.from(text.slice(start, start + Number(size)), "latin1"));
    at = start + Number(size) + 1;
  }
  return blobs;
}
