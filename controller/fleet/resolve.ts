/** Reads one fleet file: text, documents, each validated by its schema, with absolute paths and its cloud-init file. */
import { type Stats, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import {
  type AuthorProblem,
  authorProblems,
  plainAuthorConfig,
} from "../../provisioning/cloud-init/author.ts";
import type { Problem } from "../../schemas/explain.ts";
import type { AgentDocument, FleetDocument, ProfileDocument, SnapshotDocument } from "../../schemas/types.ts";
import { type DocumentKind, validateDocument } from "../../schemas/validate.ts";
import { MAX_FILE_BYTES, mustBeFolder, mustBePlain, PlainFileError } from "../base/plain-file.ts";
import type { PreparedAgent, PreparedProfile } from "../core/desired.ts";
import type { SourceRef } from "../core/types.ts";
import { excerptOf, type FleetError, fileError } from "./errors.ts";
import { errnoOf, type FleetFiles, type FoundFile, stampAt, unreadable } from "./files.ts";
import { refusalsOf, type Trust } from "./trust.ts";
import {
  createLocator,
  decodeText,
  type ParsedDocument,
  type ParsedFile,
  parseFleetText,
  type SyntaxProblem,
} from "./parse.ts";

export type FleetValue = PreparedAgent | PreparedProfile | SnapshotDocument | FleetDocument;

export interface EntryDocument {
  readonly file: string;
  readonly index: number;
  readonly kind: DocumentKind;
  /** Absent in a Fleet and where it is not text. */
  readonly name: string | undefined;
  /** null: it has errors; only kind and name of such a document are used. */
  readonly value: FleetValue | null;
  readonly source: SourceRef;
}

export interface FileEntry {
  readonly file: FoundFile;
  readonly text: string;
  readonly documents: readonly EntryDocument[];
  readonly errors: readonly FleetError[];
  /** False: the declarations of the file are unknown, so it may declare a missing name. */
  readonly understood: boolean;
  /** Other files that it depends on, with their stamps. */
  readonly needs: readonly { readonly absolute: string; readonly stamp: string | null }[];
}

export interface ReadContext {
  /** Absolute path of the fleet folder. */
  readonly folder: string;
  /** The user's home folder, for ~. */
  readonly userHome: string;
  readonly files: FleetFiles;
  readonly trust: Trust;
}

/**
 * Never throws. null: the file is gone, or it is a cloud-init file and no fleet file. `isListed`: as for
 * `FleetFiles.read`.
 */
export function readFleetFile(file: FoundFile, context: ReadContext, isListed = false): FileEntry | null {
  const failed = (error: FleetError): FileEntry => ({
    file,
    text: "",
    documents: [],
    errors: [error],
    understood: false,
    needs: [],
  });
  let bytes: Uint8Array;
  try {
    bytes = context.files.read(file.absolute, isListed);
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? null : failed(unreadable(file.path, error));
  }
  const decoded = decodeText(bytes);
  if ("problem" in decoded) return failed(fileError(file.path, decoded.problem, "invalid"));
  const { text } = decoded;
  if (/^#cloud-config\s/.test(text)) return null;
  const parsed = parseFleetText(text);
  const state: Reading = { file, text, context, errors: [], needs: [] };
  for (const problem of parsed.problems) state.errors.push(syntaxError(file.path, text, problem));
  const documents: EntryDocument[] = [];
  for (const document of parsed.documents) {
    const entry = readDocument(document, state);
    if (entry !== null) documents.push(entry);
  }
  const { errors, needs } = state;
  return { file, text, documents, errors, understood: parsed.problems.length === 0, needs };
}

interface Reading {
  readonly file: FoundFile;
  readonly text: string;
  readonly context: ReadContext;
  readonly errors: FleetError[];
  readonly needs: { readonly absolute: string; readonly stamp: string | null }[];
  locate?: ReturnType<typeof createLocator>;
}

function readDocument(document: ParsedDocument, state: Reading): EntryDocument | null {
  const problems = validateDocument(document.value);
  const source = { file: state.file.path, line: document.line, column: document.column };
  const raw = document.value as { readonly kind?: unknown; readonly name?: unknown };
  if (problems.length > 0) {
    state.locate ??= createLocator(state.text);
    for (const problem of problems) {
      state.errors.push(problemError(state.file.path, state.text, state.locate, document.index, problem));
    }
  }
  if (typeof raw !== "object" || raw === null || typeof raw.kind !== "string") return null;
  // An invalid document may also name a file that is no fleet file.
  const named = (raw as { readonly provision?: { readonly cloudInit?: unknown } | null }).provision
    ?.cloudInit;
  if (problems.length > 0 && typeof named === "string") {
    const absolute = resolvePath(named, dirname(state.file.absolute), state.context.userHome);
    state.needs.push({ absolute, stamp: null });
  }
  const before = state.errors.length;
  const value = problems.length > 0 ? null : prepare(document, state);
  return {
    file: state.file.path,
    index: document.index,
    kind: raw.kind as DocumentKind,
    name: typeof raw.name === "string" ? raw.name : undefined,
    value: state.errors.length > before ? null : value,
    source,
  };
}

/** Paths become absolute here, before profiles are merged: each is relative to the folder of its own document. */
function prepare(document: ParsedDocument, state: Reading): FleetValue {
  const value = document.value as AgentDocument | ProfileDocument | SnapshotDocument | FleetDocument;
  if (value.kind === "Snapshot") return value;
  const { userHome, files, trust } = state.context;
  const absolute = (path: string) => resolvePath(path, dirname(state.file.absolute), userHome);
  const isOnHost = (path: string) => files.isOnHost?.(path) ?? true;
  const refused = refusalsOf(value, { trust, absolute, isOnHost });
  for (const { pointer, message, next } of refused)
    reportProblem({ ...NOTHING_MORE, pointer, message, suggestion: next }, document, state);
  // Forbidden paths are not accessed at all.
  if (refused.length > 0 || value.kind === "Fleet") return value as FleetValue;
  const { mounts, secrets, provision, ...rest } = value;
  const check = (pointer: string, path: string, maxBytes = MAX_FILE_BYTES) =>
    checkNamed({ pointer, path, must: (stats) => mustBePlain(stats, maxBytes) }, document, state);
  for (const [i, { source }] of (mounts ?? []).entries())
    checkNamed(
      { pointer: `/mounts/${i}/source`, path: absolute(source), must: mustBeFolder },
      document,
      state,
    );
  for (const [name, secret] of Object.entries(secrets ?? {}))
    if (secret.fromFile !== undefined) check(`/secrets/${name}/fromFile`, absolute(secret.fromFile));
  if (value.image?.startsWith("file://"))
    check("/image", value.image.slice("file://".length), Number.POSITIVE_INFINITY);
  if (mounts === undefined && secrets === undefined && provision === undefined) return rest as PreparedAgent;
  const { cloudInit, ...block } = provision ?? {};
  const parsed =
    cloudInit === undefined ? undefined : readCloudInit(absolute(cloudInit), cloudInit, document, state);
  return {
    ...rest,
    ...(mounts && { mounts: mounts.map((mount) => ({ ...mount, source: absolute(mount.source) })) }),
    ...(secrets && {
      secrets: Object.fromEntries(
        Object.entries(secrets).map(([name, secret]) => [
          name,
          secret.fromFile === undefined ? secret : { fromFile: absolute(secret.fromFile) },
        ]),
      ),
    }),
    ...(provision && { provision: { ...block, ...(parsed && { cloudInit: parsed }) } }),
  } as PreparedAgent;
}

interface NamedFile {
  readonly pointer: string;
  readonly path: string;
  readonly must: (stats: Stats) => void;
}

/** A missing file may appear later. A path of the wrong kind is checked again with each read. */
function checkNamed({ pointer, path, must }: NamedFile, document: ParsedDocument, state: Reading): void {
  try {
    must(statSync(path));
  } catch (error) {
    if (!(error instanceof PlainFileError)) return;
    state.needs.push({ absolute: path, stamp: stampAt(path) });
    const message = `names ${path}, which ${error.message}`;
    const suggestion = must === mustBeFolder ? "name a folder" : "name a plain file";
    const problem: Problem = { ...NOTHING_MORE, pointer, message, suggestion };
    reportProblem(problem, document, state);
  }
}

const NOTHING_MORE = { found: null, allowed: null, at: "value" } as const;

function reportProblem(problem: Problem, document: ParsedDocument, state: Reading): void {
  state.locate ??= createLocator(state.text);
  state.errors.push(problemError(state.file.path, state.text, state.locate, document.index, problem));
}

export function resolvePath(path: string, folder: string, home: string): string {
  if (path === "~") return home;
  return path.startsWith("~/") ? join(home, path.slice(2)) : resolve(folder, path);
}

function readCloudInit(
  absolute: string,
  written: string,
  document: ParsedDocument,
  state: Reading,
): Readonly<Record<string, unknown>> | undefined {
  const shown = shownPath(absolute, state.context.folder);
  const { files } = state.context;
  let bytes: Uint8Array;
  state.needs.push({ absolute, stamp: files.stamp(absolute) });
  try {
    bytes = files.read(absolute);
  } catch (error) {
    const [why, next] = unreadWords(error, shown);
    const problem: Problem = {
      pointer: "/provision/cloudInit",
      message: `is ${JSON.stringify(written)}; ${why}`,
      found: JSON.stringify(written),
      allowed: "the path of a cloud-init file",
      suggestion: next,
      at: "value",
    };
    reportProblem(problem, document, state);
    return undefined;
  }
  const decoded = decodeText(bytes);
  if ("problem" in decoded) {
    state.errors.push(fileError(shown, decoded.problem, "invalid"));
    return undefined;
  }
  const parsed = parseFleetText(decoded.text, "cloud-init");
  for (const problem of parsed.problems) state.errors.push(syntaxError(shown, decoded.text, problem));
  if (parsed.problems.length > 0) return undefined;
  const value = parsed.documents.length === 0 ? {} : parsed.documents[0]?.value;
  if (parsed.documents.length > 1 || typeof value !== "object" || value === null || Array.isArray(value)) {
    state.errors.push(fileError(shown, "is not a cloud-init file: it must be one mapping", "invalid"));
    return undefined;
  }
  if (/^## *template: *jinja/.test(decoded.text)) {
    const message = "is a template, and Multipass drops the comment that says so";
    state.errors.push(fileError(shown, message, "invalid", "write the values themselves"));
    return undefined;
  }
  const config = value as Readonly<Record<string, unknown>>;
  const problems = authorProblems(config);
  if (problems.length === 0) return plainAuthorConfig(config);
  const locate = createLocator(decoded.text);
  for (const problem of problems) state.errors.push(authorError(shown, locate, parsed, problem));
  return undefined;
}

/** Without surrounding lines: a cloud-init file may hold a password. */
function authorError(
  file: string,
  locate: ReturnType<typeof createLocator>,
  parsed: ParsedFile,
  { pointer, message, next }: AuthorProblem,
): FleetError {
  const { line, column } = locate(parsed.documents[0]?.index ?? 0, pointer, "value").span;
  return { ...fileError(file, message, "invalid", next), line, column, path: pointer };
}

/** Why a file cannot be read, and the next step. */
function unreadWords(error: unknown, shown: string): readonly [why: string, next: string | null] {
  if (error instanceof PlainFileError) return [`${shown} ${error.message}`, "name a cloud-init file"];
  const code = errnoOf(error);
  if (code === "ENOENT") return [`there is no file ${shown}`, null];
  if (code === "EACCES" || code === "EPERM")
    return [
      `${shown} cannot be read: permission denied`,
      "run vm-agent as a user who may read it, or chmod u+r",
    ];
  return [`${shown} cannot be read (${code})`, null];
}

/** Relative to the fleet folder where it lies below, else absolute. */
function shownPath(absolute: string, folder: string): string {
  const path = relative(folder, absolute);
  return path.startsWith("..") || isAbsolute(path) ? absolute : path.split(sep).join("/");
}

function syntaxError(file: string, text: string, problem: SyntaxProblem): FleetError {
  const { span, message, suggestion } = problem;
  const excerpt = excerptOf(text, span);
  const place = { file, line: span.line, column: span.column };
  return {
    ...place,
    path: "",
    message,
    found: null,
    allowed: null,
    suggestion,
    excerpt,
    severity: "error",
    kind: "invalid",
  };
}

/** A problem of a document with its place in the file. */
export function problemError(
  file: string,
  text: string,
  locate: ReturnType<typeof createLocator>,
  index: number,
  problem: Problem,
  severity: FleetError["severity"] = "error",
): FleetError {
  const { span, written } = locate(index, problem.pointer, problem.at);
  // 24.10 is the number 24.1: only the source text shows the intended version.
  const asWritten = (words: string | null) =>
    words === null || written === null || problem.found === null
      ? words
      : words.replace(problem.found, () => written);
  return {
    file,
    line: span.line,
    column: span.column,
    path: problem.pointer,
    message: asWritten(problem.message) ?? "",
    found: asWritten(problem.found),
    allowed: problem.allowed,
    suggestion: asWritten(problem.suggestion),
    excerpt: excerptOf(text, span),
    severity,
    kind: "invalid",
  };
}
