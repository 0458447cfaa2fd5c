/**
 * The author's own cloud-init: what of it cannot be carried to the instance unchanged, and the rest in a form that no YAML
 * writer changes. Contents become base64, permissions octal, commands one script beside ours.
 */
import type { CloudConfig } from "./merge.ts";
import { losesType } from "./scalars.ts";
import { quote } from "./shell.ts";

export interface AuthorProblem {
  /** JSON pointer in the cloud-init file. */
  readonly pointer: string;
  /** What follows the pointer in a sentence. It never quotes the value, which may be a password. */
  readonly message: string;
  readonly next: string;
}

type Json = Readonly<Record<string, unknown>>;

const IN_QUOTES = "put it in quotes";

/** Empty: `authorConfig` and JSON keep everything. The value as a YAML 1.1 reader gives it. */
export function authorProblems(config: Json): readonly AuthorProblem[] {
  const problems: AuthorProblem[] = [];
  const report = (pointer: string, message: string, next: string) =>
    void problems.push({ pointer, message, next });
  checkValues(config, "", report);
  for (const [i, file] of items(config.write_files)) checkFile(file, `/write_files/${i}`, report);
  for (const key of ["runcmd", "bootcmd"])
    for (const [i, command] of items(config[key])) checkCommand(command, `/${key}/${i}`, report);
  return problems;
}

type Report = (pointer: string, message: string, next: string) => void;

const isFileContent = (pointer: string): boolean => /^\/write_files\/\d+\/content$/.test(pointer);

/** JSON has no dates, no bytes and no infinite numbers, and exact integers only up to 2^53. */
function checkValues(value: unknown, pointer: string, report: Report): void {
  if (
    typeof value === "number" &&
    !(Number.isSafeInteger(value) || (value % 1 !== 0 && Number.isFinite(value)))
  )
    report(pointer, "is a number that cannot be kept exactly", IN_QUOTES);
  if (typeof value !== "object" || value === null) return;
  if (value instanceof Uint8Array) {
    if (!isFileContent(pointer))
      report(pointer, "is binary, which only the content of write_files may be", "write it as text");
  } else if (value instanceof Date) report(pointer, "is a date", `${IN_QUOTES}; cloud-init expects text`);
  else if (value instanceof Map || value instanceof Set)
    report(pointer, "is an ordered map or a set", "write a plain mapping or list");
  else
    for (const [key, item] of Object.entries(value)) {
      const at = `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (!Array.isArray(value) && losesType(key))
        report(at, "is a name that YAML reads as no text", "take it out: cloud-init has no such field");
      checkValues(item, at, report);
    }
}

function checkFile(file: unknown, pointer: string, report: Report): void {
  if (!isMapping(file)) {
    report(pointer, "is not a file", "write {path: …, content: …}");
    return;
  }
  const { path, content, permissions, encoding } = file;
  if (typeof path !== "string" || !path.startsWith("/"))
    report(`${pointer}/path`, "is not an absolute path", "name the file in the instance, such as /etc/motd");
  if (
    content !== undefined &&
    content !== null &&
    typeof content !== "string" &&
    !(content instanceof Uint8Array)
  )
    report(`${pointer}/content`, "is not text", IN_QUOTES);
  if (packingOf(encoding) === "gz" && typeof content === "string")
    report(`${pointer}/content`, "is text, and gzip is binary", "encode it: encoding: gz+b64");
  if (packingOf(encoding)?.endsWith("b64") && content instanceof Uint8Array)
    report(`${pointer}/content`, "is encoded twice", "leave out either !!binary or the encoding");
  if (permissions !== undefined && permissions !== null && octal(permissions) === null)
    report(`${pointer}/permissions`, "is not octal", 'write octal digits in quotes, such as "0644"');
}

function checkCommand(command: unknown, pointer: string, report: Report): void {
  if (command === null || typeof command === "string") return;
  if (!Array.isArray(command)) {
    report(pointer, "is neither text nor a list of words", IN_QUOTES);
    return;
  }
  for (const [i, word] of command.entries())
    if (typeof word !== "string" && !Number.isSafeInteger(word))
      report(`${pointer}/${i}`, "is not text", IN_QUOTES);
}

/** What is not a list is reported by the merge. */
const items = (value: unknown): readonly (readonly [number, unknown])[] =>
  Array.isArray(value) ? [...value.entries()] : [];

const isMapping = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As JSON; binary contents become base64. For a value without problems. */
export function plainAuthorConfig(config: Json): CloudConfig {
  const files = config.write_files;
  const plain = Array.isArray(files) ? { ...config, write_files: files.map(withTextContent) } : config;
  return JSON.parse(JSON.stringify(plain)) as CloudConfig;
}

function withTextContent(file: Json): Json {
  const { content, encoding } = file;
  if (!(content instanceof Uint8Array)) return file;
  const packing = packingOf(encoding) === "gz" ? "gz+b64" : "b64";
  return { ...file, content: Buffer.from(content).toString("base64"), encoding: packing };
}

/** The same for cloud-init, in scalars that read the same with and without quotes. `runcmd` is left to `authorScript`. */
export function authorConfig(config: CloudConfig): CloudConfig {
  const { runcmd: _runcmd, ...rest } = config;
  const { write_files: files, bootcmd } = rest;
  return {
    ...rest,
    ...(Array.isArray(files) && { write_files: files.map(carriedFile) }),
    ...(Array.isArray(bootcmd) && { bootcmd: bootcmd.flatMap(commandLine) }),
  };
}

function carriedFile(file: Json): Json {
  const { content, permissions, encoding: _encoding, ...rest } = file;
  const packing = packingOf(file.encoding);
  const mode = octal(permissions);
  return {
    ...rest,
    ...(mode !== null && { permissions: mode }),
    // `source` may stand in its place.
    ...(content !== undefined &&
      (packing === null
        ? base64(String(content ?? ""))
        : { encoding: packing, content: `${String(content).trim()}\n` })),
  };
}

/** The newline keeps even base64 of nothing but digits a text; the decoder skips it. */
export function base64(content: string): { readonly encoding: string; readonly content: string } {
  return { encoding: "b64", content: `${Buffer.from(content, "utf8").toString("base64")}\n` };
}

/** cloud-init's own names for encodings; null: plain text. */
function packingOf(encoding: unknown): "gz" | "b64" | "gz+b64" | null {
  const name = String(encoding ?? "")
    .toLowerCase()
    .trim()
    .replace("base64", "b64")
    .replace("gzip", "gz");
  return name === "gz" || name === "b64" || name === "gz+b64" ? name : null;
}

/** Four digits with a leading zero are octal as text and as a number of YAML 1.1. null: not octal. */
export function octal(permissions: unknown): string | null {
  const digits =
    typeof permissions === "number"
      ? Number.isInteger(permissions) && permissions >= 0
        ? permissions.toString(8)
        : ""
      : (/^(?:0o)?([0-7]{1,5})$/.exec(String(permissions ?? ""))?.[1] ?? "").replace(/^0+(?=.)/, "");
  return digits === "" || digits.length > 4 ? null : `0${digits.padStart(3, "0")}`;
}

/** Commands as cloud-init makes a script of them: text as it is, lists as quoted words. */
export function authorScript(commands: unknown): string | null {
  if (!Array.isArray(commands) || commands.length === 0) return null;
  return `#!/bin/sh\n${commands.flatMap(shellLine).join("\n")}\n`;
}

const shellLine = (command: unknown): readonly string[] =>
  command === null
    ? []
    : [Array.isArray(command) ? command.map((word) => shellWord(String(word))).join(" ") : String(command)];

const shellWord = (word: string): string => (/^[\w./:=@%+,-]+$/.test(word) ? word : quote(word));

/** A semicolon at its end makes text of what is one word alone (`true`, `1e3`). */
const commandLine = (command: unknown): readonly string[] =>
  shellLine(command).map((line) => (losesType(line) ? `${line};` : line));
