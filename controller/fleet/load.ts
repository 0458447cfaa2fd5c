/** Loads the fleet folder into desired state, with all errors at once; an edit of one file reads one file. */
import { hash } from "node:crypto";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import {
  createResolveMemo,
  type FleetDocuments,
  type PreparedAgent,
  type PreparedProfile,
  type Resolution,
  type ResolveMemo,
  resolveFleet,
  type Sourced,
} from "../core/desired.ts";
import type { Problem } from "../../schemas/explain.ts";
import type { FleetDocument, SnapshotDocument } from "../../schemas/types.ts";
import { type Allowed, NOTHING_ALLOWED } from "../base/env.ts";
import type { Desired, FleetSettings } from "../core/types.ts";
import { FLEET_DEFAULTS } from "../core/desired-values.ts";
import { checkFleet } from "./check.ts";
import { compareErrors, type FleetError } from "./errors.ts";
import { type FleetFiles, type FoundFile, filesOnDisk, isFleetPath } from "./files.ts";
import { createLocator } from "./parse.ts";
import type { Trust } from "./trust.ts";
import {
  type EntryDocument,
  type FileEntry,
  problemError,
  type ReadContext,
  readFleetFile,
} from "./resolve.ts";

export interface LoadOptions {
  /** The state folder; excluded where it lies below the fleet folder. */
  readonly home?: string;
  /** What a fleet that follows a remote may use of this machine; default: nothing. */
  readonly allow?: Allowed;
  /** The files come from a followed remote. */
  readonly restricted?: boolean;
  /** The user's home folder, for ~; default: that of this process. */
  readonly userHome?: string;
  /** Git revision of the content; default null. */
  readonly revision?: () => Promise<string | null>;
  /** The source of the files; default: the folder on disk. */
  readonly files?: FleetFiles;
}

export type FleetRead =
  | {
      readonly ok: true;
      readonly desired: Desired;
      readonly warnings: readonly FleetError[];
      /** The fleet files, relative to the folder. */
      readonly files: readonly string[];
      /** The Fleet document's git settings; null: unreadable, or an unreadable file may hold them. */
      readonly git: FleetSettings["git"] | null;
    }
  | {
      readonly ok: false;
      /** Sorted by file, line, column; never empty. */
      readonly errors: readonly FleetError[];
      readonly warnings: readonly FleetError[];
      readonly files: readonly string[];
      /** Why the absence of a document proves nothing now. */
      readonly guard: NonNullable<Desired["guard"]>;
      readonly git: FleetSettings["git"] | null;
    };

/** Reads a fleet folder repeatedly, with a cache of unchanged files. */
export interface FleetReader {
  /** Checks every file; reads those whose size, time or inode changed. */
  read(): Promise<FleetRead>;
  /** Checks only these absolute paths; for watchers. */
  reread(paths: readonly string[]): Promise<FleetRead>;
  /** Other files that were read: cloud-init, absolute. */
  needs(): readonly string[];
}

/** One read of a fleet folder. Never rejects because of file contents or states. */
export function loadFleet(folder: string, options: LoadOptions = {}): Promise<FleetRead> {
  return createFleetReader(folder, options).read();
}

const sha256 = (text: string) => hash("sha256", text);

export function createFleetReader(folder: string, options: LoadOptions = {}): FleetReader {
  const root = resolve(folder);
  const source = options.files ?? filesOnDisk(root, options.home);
  const { home, allow = NOTHING_ALLOWED, restricted = false } = options;
  const trust: Trust = { ...(home !== undefined && { home }), allow, restricted };
  const userHome = options.userHome ?? homedir();
  const context: ReadContext = { folder: root, userHome, files: source, trust };
  const revision = options.revision ?? (async () => null);
  const parts = { memo: createResolveMemo(), context, isOnDisk: options.files === undefined };
  let entries = new Map<string, FileEntry>();
  let listingErrors: readonly FleetError[] = [];

  const read = async () => {
    const listing = source.list();
    const next = new Map<string, FileEntry>();
    await inBatches(listing.files, (file) => {
      const known = entries.get(file.path);
      const fresh = known?.file.stamp === file.stamp && needsUnchanged(known, source);
      const entry = fresh && known !== undefined ? known : readFleetFile(file, context, true);
      if (entry !== null) next.set(file.path, entry);
    });
    entries = new Map([...next].sort(([a], [b]) => (a < b ? -1 : 1)));
    listingErrors = listing.errors;
    return assemble([...entries.values()], listingErrors, { ...parts, revision: await revision() });
  };

  const reread = async (paths: readonly string[]) => {
    // Anything but a change of known files needs the full read, which sees folders and links too.
    const known = paths.map((path) => relativeTo(context.folder, path));
    const touched = new Set(known.filter((path) => path !== null && entries.has(path)));
    const needy = new Set(paths);
    if (
      listingErrors.length > 0 ||
      known.some((path) => path === null || (isFleetPath(path) && !entries.has(path)))
    )
      return read();
    for (const [path, entry] of entries) {
      if (!touched.has(path) && !entry.needs.some(({ absolute }) => needy.has(absolute))) continue;
      const stamp = source.stamp(entry.file.absolute);
      const again = stamp === null ? null : readFleetFile({ ...entry.file, stamp }, context);
      if (again === null) return read();
      entries.set(path, again);
    }
    return assemble([...entries.values()], listingErrors, { ...parts, revision: await revision() });
  };

  return {
    read,
    reread,
    needs: () => [
      ...new Set([...entries.values()].flatMap((entry) => entry.needs.map(({ absolute }) => absolute))),
    ],
  };
}

function relativeTo(folder: string, path: string): string | null {
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : null;
}

/**
 * Files are read synchronously, which for small ones costs a fifth; batches by number and size let other work run in
 * between.
 */
const BATCH = 100;
const BATCH_BYTES = 64 * 1024;

async function inBatches(files: readonly FoundFile[], work: (file: FoundFile) => void): Promise<void> {
  let bytes = 0;
  for (const [index, file] of files.entries()) {
    bytes += file.size;
    if (index % BATCH === BATCH - 1 || bytes > BATCH_BYTES) {
      await setImmediate();
      bytes = file.size;
    }
    work(file);
  }
}

function needsUnchanged(entry: FileEntry, source: FleetFiles): boolean {
  for (const { absolute, stamp } of entry.needs) {
    if (source.stamp(absolute) !== stamp) return false;
  }
  return true;
}

interface Assembly {
  readonly memo: ResolveMemo;
  /** While files are being written. */
  readonly isOnDisk: boolean;
  readonly revision: string | null;
  readonly context: ReadContext;
}

function assemble(
  all: readonly FileEntry[],
  listingErrors: readonly FleetError[],
  assembly: Assembly,
): FleetRead {
  // A cloud-init file may lie among the fleet files; a file that is named as one is no fleet file.
  const cloudInit = new Set<string>();
  for (const { needs } of all) for (const { absolute } of needs) cloudInit.add(absolute);
  const entries = cloudInit.size === 0 ? all : all.filter((entry) => !cloudInit.has(entry.file.absolute));
  const documents: EntryDocument[] = [];
  const own: FleetError[] = [];
  const files: string[] = [];
  let complete = listingErrors.length === 0;
  for (const entry of entries) {
    for (const document of entry.documents) documents.push(document);
    for (const error of entry.errors) own.push(error);
    files.push(entry.file.path);
    complete &&= entry.understood;
  }
  const excess = excessOf(documents);
  // Not expanded: an oversized result is never computed.
  const counted = documentsOf(excess === null ? documents : documents.filter(({ kind }) => kind === "Fleet"));
  const resolution = resolveFleet(counted, sha256, assembly.memo);
  const cross =
    excess === null
      ? crossErrors(entries, documents, resolution, complete)
      : { errors: [located(entries, excess)], warnings: [] };
  const errors = [...listingErrors, ...own, ...cross.errors].sort(compareErrors);
  const warnings = [...cross.warnings].sort(compareErrors);
  const fleets = documents.filter(({ kind }) => kind === "Fleet");
  const known = fleets.length === 0 ? complete : fleets[0]?.value !== null;
  const git = known ? resolution.desired.settings.git : null;
  if (errors.length > 0) return { ok: false, errors, warnings, files, guard: guardOf(errors), git };
  const { restricted } = assembly.context.trust;
  const desired: Desired = {
    ...resolution.desired,
    revision: assembly.revision,
    ...(restricted && { restricted }),
  };
  const guard = documents.length > 0 ? unwritten(entries, assembly) : emptyFolder(assembly.context);
  return { ok: true, desired: guard ? { ...desired, guard } : desired, warnings, files, git };
}

const emptyFolder = ({ folder }: ReadContext): NonNullable<Desired["guard"]> => ({
  reason: "empty",
  message: `the fleet folder "${folder}" holds no document`,
});

/** An in-place save empties the file first, and may take a while to fill it. */
function unwritten(entries: readonly FileEntry[], { isOnDisk }: Assembly): Desired["guard"] {
  const blank = isOnDisk
    ? entries.find(({ text, errors }) => errors.length === 0 && /^\s*$/.test(text))
    : undefined;
  if (blank === undefined) return undefined;
  const { path } = blank.file;
  return {
    reason: "unreadable",
    message: `${path} is empty, as a file is that is just being written`,
    release: `write what belongs into ${path}, or remove it`,
  };
}

interface Excess {
  readonly document: EntryDocument;
  readonly problem: Problem;
}

/** Snapshots that documents may declare for one agent; Multipass has no limit of its own. */
const MAX_SNAPSHOTS_OF_AGENT = 100;
/** Documents listed in an error; the others are counted. */
const NAMED = 5;

/** More agents than `limits.agents`, or an implausible number of snapshots for them. null: neither. */
function excessOf(documents: readonly EntryDocument[]): Excess | null {
  const fleet = documents.find(({ kind }) => kind === "Fleet");
  const limits = (fleet?.value as FleetDocument | null | undefined)?.limits;
  const most = limits?.agents ?? FLEET_DEFAULTS.limits.agents;
  const agents = documents.filter(({ kind, value }) => kind === "Agent" && value !== null);
  const countOf = ({ value }: EntryDocument): number => (value as PreparedAgent).replicas ?? 1;
  const total = agents.reduce((sum, document) => sum + countOf(document), 0);
  if (total > most) {
    const largest = [...agents].sort((a, b) => countOf(b) - countOf(a));
    const names = largest
      .slice(0, NAMED)
      .map((d) => `${d.name} (${d.source.file}:${d.source.line}) ${countOf(d)}`);
    const rest = largest.length > NAMED ? `, and ${largest.length - NAMED} more documents` : "";
    const isWritten = limits?.agents !== undefined;
    const what = `the fleet declares ${total} agents: ${names.join(", ")}${rest}`;
    return excess(isWritten ? fleet : largest[0], {
      pointer: isWritten ? "/limits/agents" : "/replicas",
      message: isWritten
        ? `is ${most}, and ${what}`
        : `is too much for limits.agents, ${most} by default; ${what}`,
      suggestion: "lower replicas, or raise limits.agents in the Fleet document",
    });
  }
  const snapshots = documents.filter(({ kind, value }) => kind === "Snapshot" && value !== null);
  const selectors = snapshots.filter(({ value }) => (value as SnapshotDocument).selector !== undefined);
  const byAgent = Map.groupBy(snapshots, ({ value }) => (value as SnapshotDocument).agent ?? "");
  byAgent.delete("");
  for (const own of [selectors, ...byAgent.values()])
    if (own.length > MAX_SNAPSHOTS_OF_AGENT)
      return excess(own[MAX_SNAPSHOTS_OF_AGENT], {
        pointer: "/name",
        message: `is one of ${own.length} snapshots ${own === selectors ? "with a selector" : "of one agent"}, and ${MAX_SNAPSHOTS_OF_AGENT} are the most`,
        suggestion: "use a schedule with keep, or take out what is not needed",
      });
  return null;
}

const excess = (
  document: EntryDocument | undefined,
  problem: Pick<Problem, "pointer" | "message" | "suggestion">,
): Excess | null =>
  document === undefined
    ? null
    : { document, problem: { found: null, allowed: null, at: "value", ...problem } };

function located(entries: readonly FileEntry[], { document, problem }: Excess): FleetError {
  const text = entries.find((entry) => entry.file.path === document.file)?.text ?? "";
  return problemError(document.file, text, createLocator(text), document.index, problem);
}

function crossErrors(
  entries: readonly FileEntry[],
  documents: readonly EntryDocument[],
  resolution: Resolution,
  complete: boolean,
) {
  const locators = new Map<
    string,
    { readonly text: string; readonly locate: ReturnType<typeof createLocator> }
  >();
  const locatorOf = (file: string) => {
    const known = locators.get(file);
    if (known !== undefined) return known;
    const text = entries.find((entry) => entry.file.path === file)?.text ?? "";
    const made = { text, locate: createLocator(text) };
    locators.set(file, made);
    return made;
  };
  const place = (document: EntryDocument, pointer: string) => {
    const { span } = locatorOf(document.file).locate(document.index, pointer, "value");
    return `${document.file}:${span.line}:${span.column}`;
  };
  const errors: FleetError[] = [];
  const warnings: FleetError[] = [];
  for (const { document, problem, severity } of checkFleet({ documents, resolution, complete, place })) {
    const { text, locate } = locatorOf(document.file);
    (severity === "error" ? errors : warnings).push(
      problemError(document.file, text, locate, document.index, problem, severity),
    );
  }
  return { errors, warnings };
}

function guardOf(errors: readonly FleetError[]): NonNullable<Desired["guard"]> {
  const missing = errors.find((error) => error.kind === "missing");
  if (missing !== undefined) return { reason: "empty", message: missing.message };
  const unreadable = errors.find((error) => error.kind === "unreadable");
  if (unreadable !== undefined)
    return { reason: "unreadable", message: `${unreadable.file} ${unreadable.message}`.trim() };
  const files = new Set(errors.map((error) => error.file));
  const count = errors.length === 1 ? "1 error" : `${errors.length} errors`;
  const where = files.size === 1 ? [...files][0] : `${files.size} files`;
  return { reason: "invalid", message: `${count} in ${where}; the last good state stays in force` };
}

/** The documents that count, in the form that the core resolves. */
function documentsOf(documents: readonly EntryDocument[]): FleetDocuments {
  const agents: Sourced<PreparedAgent>[] = [];
  const profiles: Sourced<PreparedProfile>[] = [];
  const snapshots: Sourced<SnapshotDocument>[] = [];
  let fleet: Sourced<FleetDocument> | null = null;
  for (const document of documents) {
    if (document.value === null) continue;
    // An EntryDocument with a value is a Sourced of its kind; its schema was chosen by the kind.
    if (document.kind === "Agent") agents.push(document as Sourced<PreparedAgent>);
    else if (document.kind === "Profile") profiles.push(document as Sourced<PreparedProfile>);
    else if (document.kind === "Snapshot") snapshots.push(document as Sourced<SnapshotDocument>);
    else fleet ??= document as Sourced<FleetDocument>;
  }
  return { agents, profiles, snapshots, fleet };
}
