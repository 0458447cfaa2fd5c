// What cloud-init does at a first boot: write files, run commands, and say that it is done.
import { spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readJson, writeJson } from "../files.ts";
import type { Instance } from "../instances/instance.ts";
import { guestRoot, instanceDir } from "../paths.ts";
import { inGuest } from "./inside.ts";
import type { Isolation } from "./isolation.ts";
import { guestProgram, ROOT } from "./program.ts";
import type { Services } from "./services.ts";
import { systemctl } from "./systemctl.ts";
import { splitWords } from "./unit-file.ts";

export type UserData = Readonly<Record<string, unknown>>;

export const userDataFile = (name: string): string => join(instanceDir(name), "user-data.json");

const LOG = "var/log/cloud-init-output.log";

/** Whether cloud-init has not finished under this name in this tree: after a launch, in a clone, after a restore of something older. */
export function isFirstBoot(name: string): boolean {
  return !existsSync(join(guestRoot(name), "var/lib/cloud/instances", name, "boot-finished"));
}

export function readUserData(name: string): UserData {
  return readJson<UserData>(userDataFile(name)) ?? {};
}

/** The part that runs before services start. As in cloud-init, a file that is none ends it: those after it are not written. */
export function writeFiles(root: string, userData: UserData): void {
  for (const item of list(userData.write_files)) {
    if (item === null || typeof item !== "object") throw new TypeError(`${String(item)} is no file`);
    const file = item as UserData;
    const path = inGuest(root, String(file.path ?? ""));
    const { content: written = "" } = file;
    if (typeof written !== "string") throw new TypeError(`object of type '${typeof written}' has no len()`);
    mkdirSync(dirname(path), { recursive: true });
    const content = decode(written, String(file.encoding ?? ""));
    if (file.append === true) appendFileSync(path, content);
    else writeFileSync(path, content);
    chmodSync(path, permissions(file.permissions));
  }
}

/** The authorized keys; no login ever happens, but programs look at the file. */
export function writeAuthorizedKeys(root: string, userData: UserData): void {
  const keys = list(userData.ssh_authorized_keys).map((key) => `${String(key)}\n`);
  writeFileSync(join(root, "home/ubuntu/.ssh/authorized_keys"), keys.join(""), { mode: 0o600 });
}

function decode(text: string, encoding: string): Buffer {
  const kind = encoding.toLowerCase().replaceAll("base64", "b64").replaceAll("gzip", "gz");
  if (kind === "b64") return Buffer.from(text, "base64");
  if (kind === "gz+b64") return gunzipSync(Buffer.from(text, "base64"));
  if (kind === "gz") return gunzipSync(Buffer.from(text, "latin1"));
  return Buffer.from(text);
}

/** A number is taken as it is (YAML has read its octal form already), a string as octal digits. */
function permissions(value: unknown): number {
  if (typeof value === "number") return value & 0o7777;
  const mode = typeof value === "string" ? Number.parseInt(value, 8) : Number.NaN;
  return Number.isNaN(mode) ? 0o644 : mode & 0o7777;
}

/** The part that runs after services started; gives the failures. */
export async function runCommands(
  instance: Instance,
  userData: UserData,
  isolation: Isolation,
  services: Services,
): Promise<readonly string[]> {
  const root = guestRoot(instance.name);
  const log = (line: string): void => appendFileSync(join(root, LOG), `${line}\n`);
  const packages = list(userData.packages);
  if (packages.length > 0)
    log(`sandbox: packages are never installed, skipped: ${packages.map(String).join(" ")}`);
  const commands = [...list(userData.bootcmd), ...list(userData.runcmd)].filter((it) => it !== null);
  if (commands.length === 0) return [];
  const strange = commands.find((it) => typeof it !== "string" && !Array.isArray(it));
  if (strange !== undefined)
    return [
      `('runcmd', TypeError("Unable to shellify type '${typeof strange}'. Expected list, string, tuple."))`,
    ];
  if (isolation.bwrap) return await runScript(instance, isolation, commands);
  for (const command of commands) {
    const words = wordsOf(command);
    if (words?.[0] !== "systemctl") {
      log(`sandbox: no isolation (bubblewrap) here, not run on the host: ${JSON.stringify(command)}`);
      continue;
    }
    const { code, text } = await systemctl(services, words.slice(1));
    log(`systemctl ${words.slice(1).join(" ")}: exit ${code}\n${text}`);
  }
  return [];
}

/** The words of a plain call, `sudo` aside; undefined where it takes a shell to know them. */
function wordsOf(command: unknown): readonly string[] | undefined {
  const words = Array.isArray(command) ? command.map(String) : splitWords(String(command));
  const plain = Array.isArray(command) || !/[;&|<>$`(){}\n]/.test(String(command));
  if (!plain) return undefined;
  const call = words[0] === "sudo" ? words.slice(1) : words;
  return call[0]?.endsWith("/systemctl") ? ["systemctl", ...call.slice(1)] : call;
}

/** As in cloud-init all commands are one shell script, without `set -e`: the last one's exit code is the script's. */
async function runScript(
  instance: Instance,
  isolation: Isolation,
  commands: readonly unknown[],
): Promise<readonly string[]> {
  const root = guestRoot(instance.name);
  const path = "/var/lib/cloud/instance/scripts/runcmd";
  const lines = commands.map((it) =>
    Array.isArray(it) ? it.map((word) => quote(String(word))).join(" ") : String(it),
  );
  const file = inGuest(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o700 });
  const program = guestProgram(instance, isolation, { argv: ["/bin/sh", path], user: ROOT, cwd: "/" });
  const log = openSync(join(root, LOG), "a");
  const code = await new Promise<number>((resolve) => {
    const child = spawn(program.file, program.args, {
      env: program.env,
      cwd: program.cwd,
      stdio: ["ignore", log, log],
    });
    child.once("error", () => resolve(127));
    child.once("exit", (status) => resolve(status ?? 1));
  });
  closeSync(log);
  return code === 0
    ? []
    : ["('scripts-user', RuntimeError('Runparts: 1 failures (runcmd) in 1 attempted commands'))"];
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** `/var/lib/cloud/instance` leads to the folder of this instance-id; a clone keeps the folder of what it was cloned from. */
export function beginInstance(root: string, name: string): void {
  const cloud = join(root, "var/lib/cloud");
  mkdirSync(join(cloud, "instances", name), { recursive: true });
  mkdirSync(join(cloud, "data"), { recursive: true });
  rmSync(join(cloud, "instance"), { recursive: true, force: true });
  symlinkSync(`instances/${name}`, join(cloud, "instance"));
  writeFileSync(join(cloud, "data/instance-id"), `${name}\n`);
  mkdirSync(join(root, "var/log"), { recursive: true });
}

export function endInstance(root: string): void {
  writeFileSync(join(root, "var/lib/cloud/instance/boot-finished"), `${new Date().toISOString()}\n`);
}

/** What `cloud-init status` shows, and the file that the real one makes it of. */
export function writeStatus(
  root: string,
  status: "running" | "done" | "error",
  errors: readonly string[],
  warnings: readonly string[] = [],
): void {
  mkdirSync(join(root, "run/sandbox"), { recursive: true });
  mkdirSync(join(root, "run/cloud-init"), { recursive: true });
  const recoverable = warnings.length > 0 ? { WARNING: warnings } : {};
  const datasource = "DataSourceNoCloud [seed=/dev/vda]";
  const stage = { errors: [], recoverable_errors: {}, start: null, finished: null };
  writeJson(join(root, "run/cloud-init/status.json"), {
    v1: {
      datasource,
      init: stage,
      "init-local": stage,
      "modules-config": stage,
      "modules-final": { ...stage, errors, recoverable_errors: recoverable },
      stage: status === "running" ? "modules-final" : null,
    },
  });
  writeJson(join(root, "run/sandbox/cloud-init.json"), {
    boot_status_code: "enabled-by-generator",
    datasource: "nocloud",
    detail: errors[0] ?? datasource,
    errors,
    extended_status: status !== "running" && warnings.length > 0 ? `degraded ${status}` : status,
    last_update: new Date().toUTCString(),
    recoverable_errors: recoverable,
    status,
  });
}
