// Whether bubblewrap works here, and how a guest's program is put into it.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, lstatSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { readJson, writeJson } from "../files.ts";
import { inState } from "../paths.ts";
import { NOTHING, SYSTEM_FOLDERS } from "./tree.ts";

/** `none` or `bwrap` decides; anything else, or nothing, and it is tried out once. */
export const ISOLATION_VARIABLE = "VM_AGENT_SANDBOX_ISOLATION";

export interface Isolation {
  /** The bubblewrap to use, or undefined: programs run on the host, in the guest's folder. */
  readonly bwrap: string | undefined;
}

interface Probe {
  readonly key: string;
  readonly works: boolean;
}

/** The answer of the probe is kept in the state folder and asked for again when the program or the user changes. */
export function isolation(): Isolation {
  const forced = process.env[ISOLATION_VARIABLE];
  if (forced === "none") return { bwrap: undefined };
  const bwrap = findProgram("bwrap");
  if (!bwrap) {
    if (forced === "bwrap") throw new Error("bubblewrap was asked for, but there is no bwrap in PATH");
    return { bwrap: undefined };
  }
  if (forced === "bwrap") return { bwrap };
  const file = inState("isolation.json");
  const key = `${bwrap} as ${process.getuid?.() ?? "?"}`;
  let probe = readJson<Probe>(file);
  if (probe?.key !== key) {
    probe = { key, works: works(bwrap) };
    writeJson(file, probe);
  }
  return { bwrap: probe.works ? bwrap : undefined };
}

function works(bwrap: string): boolean {
  const args = [...UNSHARE, "--uid", "1000", "--gid", "1000", "--hostname", "probe", "--ro-bind", "/", "/"];
  const result = spawnSync(bwrap, [...args, "--proc", "/proc", "--dev", "/dev", "true"], { timeout: 10_000 });
  return result.status === 0;
}

function findProgram(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder || ".", name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Look further.
    }
  }
  return undefined;
}

/** Everything apart but the network, since the runtime calls its hub on the host's loopback. */
const UNSHARE = [
  "--unshare-user",
  "--unshare-pid",
  "--unshare-ipc",
  "--unshare-uts",
  "--unshare-cgroup-try",
] as const;

/** Bits of the host's /etc without which programs of the host's /usr do not work. */
const HOST_FILES = [
  "/etc/ssl",
  "/etc/ca-certificates",
  "/etc/pki",
  "/etc/ld.so.cache",
  "/etc/ld.so.conf",
  "/etc/ld.so.conf.d",
  "/etc/alternatives",
  "/etc/localtime",
  "/etc/resolv.conf",
] as const;

export const GUEST_NODE = "/opt/sandbox/bin/node";

export interface Cage {
  readonly root: string;
  readonly hostname: string;
  readonly uid: number;
  readonly gid: number;
  readonly cwd: string;
  /** Guest path to host folder. */
  readonly mounts: ReadonlyMap<string, string>;
  /** A terminal of its own is kept; anything else gets a new session. */
  readonly keepTerminal: boolean;
  /** Programs of the host that the guest does not have: hidden behind a file that is none. */
  readonly without: readonly string[];
  readonly network: boolean;
}

/** The arguments before the command. */
export function bwrapArguments(cage: Cage): readonly string[] {
  const { root } = cage;
  const args = [
    ...UNSHARE,
    "--uid",
    String(cage.uid),
    "--gid",
    String(cage.gid),
    "--hostname",
    cage.hostname,
  ];
  args.push("--die-with-parent", ...(cage.keepTerminal ? [] : ["--new-session"]));
  args.push(
    "--bind",
    root,
    "/",
    "--ro-bind",
    "/usr",
    "/usr",
    "--bind",
    join(root, "usr/local"),
    "/usr/local",
  );
  for (const folder of SYSTEM_FOLDERS) {
    const host = `/${folder}`;
    if (existsSync(host) && !lstatSync(host).isSymbolicLink()) args.push("--ro-bind", host, host);
  }
  for (const path of HOST_FILES) {
    if (existsSync(path)) args.push("--ro-bind", realpathSync(path), path);
  }
  for (const path of cage.without) {
    if (existsSync(path)) args.push("--ro-bind", join(root, NOTHING), realpathSync(path));
  }
  if (!cage.network) args.push("--unshare-net");
  args.push(
    "--ro-bind",
    cage.without.length > 0 ? join(root, NOTHING) : process.execPath,
    GUEST_NODE,
    "--proc",
    "/proc",
    "--dev",
    "/dev",
  );
  for (const [target, source] of cage.mounts) args.push("--bind", source, target);
  args.push("--chdir", cage.cwd, "--");
  return args;
}
