/** Reads the fleet of a commit, with a cache of what it shares with the one before. */
import { MAX_FILE_BYTES } from "../../base/plain-file.ts";
import { git, type Repository } from "./git.ts";
import { createBlobCache } from "./blobs.ts";
import { type CommitFiles, createCommitFiles } from "./files.ts";
import { createFleetReader, type FleetRead, type FleetReader, type LoadOptions } from "../load.ts";

/** A cloud-init file that is a link to a link, and so on. */
const MAX_ROUNDS = 10;

/** Rejects when git does not answer. */
export type ReadCommit = (repository: Repository, commit: string) => Promise<FleetRead>;

export function createCommitReader(folder: string, options: LoadOptions): ReadCommit {
  let known: (Pick<Repository, "top" | "prefix"> & { files: CommitFiles; reader: FleetReader }) | null = null;
  return async (repository, commit) => {
    const { top, prefix } = repository;
    if (known?.top !== top || known.prefix !== prefix) {
      const files = createCommitFiles(repository, folder);
      known = { top, prefix, files, reader: createFleetReader(folder, { ...options, files }) };
    }
    const { files, reader } = known;
    await files.open(commit);
    let read = await reader.read();
    for (let round = 0; round < MAX_ROUNDS && (await files.load()); round++) read = await reader.read();
    return withRevision(read, commit, false);
  };
}

export function withRevision(read: FleetRead, revision: string | null, dirty: boolean): FleetRead {
  return read.ok ? { ...read, desired: { ...read.desired, revision, ...(dirty && { dirty }) } } : read;
}

const MAY_FOLLOW = /\bFleet\b[\s\S]*\bfollow\b|\bfollow\b[\s\S]*\bFleet\b/;

/** Whether one of these blobs may be a Fleet document with `follow`; each is read once. */
export function createSuspicion(): (repository: Repository, oids: readonly string[]) => Promise<boolean> {
  const judged = new Map<string, boolean>();
  return async (repository, oids) => {
    const unknown = oids.filter((oid) => !judged.has(oid));
    if (unknown.length > 0) {
      const input = `${unknown.join("\n")}\n`;
      const sizes = await git(repository.top, ["cat-file", "--batch-check"], { input });
      const refs = sizes.stdout
        .split("\n")
        .map((line) => line.split(" "))
        .filter(([, kind]) => kind === "blob")
        .map(([oid = "", , size]) => ({ oid, size: Number(size) }));
      const blobs = createBlobCache(repository);
      // A larger blob is no document, and is not read.
      await blobs.load(refs.filter(({ size }) => size <= MAX_FILE_BYTES));
      for (const { oid } of refs)
        judged.set(oid, MAY_FOLLOW.test(Buffer.from(blobs.get(oid) ?? []).toString("utf8")));
    }
    return oids.some((oid) => judged.get(oid) ?? true);
  };
}
