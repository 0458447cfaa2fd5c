// How a program of an instance is started: in bubblewrap, or on the host inside the guest's folder.
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Instance } from "../instances/instance.ts";
import { guestRoot, instanceDir } from "../paths.ts";
import { bwrapArguments, type Isolation } from "./isolation.ts";

/** Marks every process of one boot; by it they are found again, wherever they went. */
export const BOOT_VARIABLE = "VM_AGENT_SANDBOX_BOOT";
/** Tells a program without isolation where its guest's `/` lies. */
export const ROOT_VARIABLE = "VM_AGENT_GUEST_ROOT";

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export const UBUNTU: User = { name: "ubuntu", uid: 1000, gid: 1000, home: "/home/ubuntu" };
export const ROOT: User = { name: "root", uid: 0, gid: 0, home: "/root" };

export interface ProgramOptions {
  readonly argv: readonly string[];
  readonly user: User;
  /** A path in the guest; the user's home by default. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly keepTerminal?: boolean;
}

/** Ready for child_process.spawn. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function guestProgram(instance: Instance, isolation: Isolation, options: ProgramOptions): Program {
  const root = guestRoot(instance.name);
  const { user } = options;
  const env = {
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: "/bin/bash",
    LANG: "C.UTF-8",
    PATH: `/opt/sandbox/bin:${SYSTEM_PATH}`,
    [BOOT_VARIABLE]: instance.boot?.id ?? "",
    ...(options.keepTerminal ? { TERM: process.env.TERM ?? "dumb" } : {}),
    ...options.env,
  };
  const cwd = options.cwd ?? user.home;
  if (!isolation.bwrap) return onHost(instance, root, options, env, cwd);
  const cage = bwrapArguments({
    root,
    hostname: instance.name,
    uid: user.uid,
    gid: user.gid,
    cwd,
    mounts: mountsOf(instance),
    keepTerminal: options.keepTerminal ?? false,
    without: instance.broken?.fault === "no-node" ? HOST_NODES : [],
    network: instance.broken?.fault !== "no-network",
  });
  return { file: isolation.bwrap, args: [...cage, ...options.argv], env, cwd: "/" };
}

/** Where the host may have a Node that the guest sees through its /usr. */
const HOST_NODES = ["/usr/bin/node", "/usr/bin/nodejs"];

function mountsOf(instance: Instance): ReadonlyMap<string, string> {
  const entries = Object.entries(instance.mounts).map(([target, mount]) => [target, mount.source] as const);
  return new Map(entries.filter(([, source]) => existsSync(source)));
}

/** Without isolation: a guest's path as the host's, wherever the guest's folder has it; also behind an option's `=`. */
export function hostWord(root: string, word: string): string {
  const [, option = "", path = ""] = /^(--?[\w-]+=)?(\/.*)?$/s.exec(word) ?? [];
  return path.length > 1 && existsSync(join(root, path)) ? `${option}${join(root, path)}` : word;
}

function onHost(
  instance: Instance,
  root: string,
  options: ProgramOptions,
  guestEnv: Readonly<Record<string, string>>,
  cwd: string,
): Program {
  const [file = "true", ...rest] = options.argv;
  const env = {
    ...guestEnv,
    HOME: join(root, options.user.home),
    PATH: `${join(root, "opt/sandbox/bin")}:${nodeFolder(instance)}:${SYSTEM_PATH}`,
    [ROOT_VARIABLE]: root,
  };
  const folder = hostWord(root, cwd);
  return {
    file: hostWord(root, file),
    args: rest.map((word) => hostWord(root, word)),
    env,
    cwd: existsSync(folder) ? folder : root,
  };
}

/** A folder with nothing but `node` in it. Where there is to be none, one that is not: the host's own would be found behind it. */
function nodeFolder(instance: Instance): string {
  if (instance.broken?.fault === "no-node") return withoutNode(instance);
  const folder = join(instanceDir(instance.name), "bin");
  const link = join(folder, "node");
  if (!existsSync(link)) {
    mkdirSync(folder, { recursive: true });
    rmSync(link, { force: true });
    try {
      symlinkSync(process.execPath, link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  return folder;
}

function withoutNode(instance: Instance): string {
  const folder = join(instanceDir(instance.name), "no-node");
  mkdirSync(folder, { recursive: true });
  for (const name of ["node", "nodejs"])
    writeFileSync(join(folder, name), "#!/bin/sh\nexit 127\n", { mode: 0o755 });
  return folder;
}
