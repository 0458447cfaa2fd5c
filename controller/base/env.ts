/** Settings of one invocation: flag, then environment, then default. The fleet's own settings come between (SPEC section 4). */
import { existsSync, statSync } from "node:fs";
import { EXIT, VmAgentError } from "./errors.ts";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";

export interface Settings {
  /** Absolute path of the fleet folder. */
  readonly fleet: string;
  /** Absolute path of the state folder: database, operator token, logs. */
  readonly home: string;
  readonly driver: "auto" | "multipass" | "sandbox" | null;
  /** The Multipass executable, a name or an absolute path; null: `multipass` on PATH. */
  readonly multipass: string | null;
  /** null: the value of `kind: Fleet`, else the default. 0: any free port. */
  readonly httpPort: number | null;
  readonly wsPort: number | null;
  readonly dashboardPort: number | null;
  /** Address that all servers bind; default loopback. */
  readonly bind: string;
  /** The hub to use instead of the one in the state folder. */
  readonly url: string | null;
  readonly token: string | null;
  /** What a fleet that follows a remote may use of this machine. */
  readonly allow: Allowed;
  /** Absolute paths of certificate and key in PEM; null: no TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** Set where vm-agent runs, never in the fleet's repository. */
export interface Allowed {
  /** Absolute paths of folders and files, including everything below them. */
  readonly paths: readonly string[];
  /** Names of variables. */
  readonly env: readonly string[];
  /** Names of hosts, addresses, networks such as 10.1.0.0/16. */
  readonly hosts: readonly string[];
}

/** Host facts for reading the fleet. */
export const trustOf = ({ home, allow }: Settings): Pick<Settings, "home" | "allow"> => ({ home, allow });

export const NOTHING_ALLOWED: Allowed = { paths: [], env: [], hosts: [] };

export interface Flags {
  readonly fleet?: string;
  readonly home?: string;
  readonly driver?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export type EnvRecord = Readonly<Record<string, string | undefined>>;

/** Working folder of the invocation, the base of relative paths. */
export function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new VmAgentError({
      code: "usage",
      message: "the current folder does not exist any more",
      next: "go to one that does, such as that of your fleet: cd",
      exit: EXIT.usage,
    });
  }
}

/** A terminal without cursor control, such as an editor's, has a TERM of its own. */
export const isDumb = (env: EnvRecord): boolean => env.TERM === "dumb";
export const wantsColor = (env: EnvRecord): boolean => !env.NO_COLOR && !isDumb(env);

/** A day: the upper limit of all deadlines. */
const MOST_SECONDS = 86_400;

/** A number above 0; absent or empty: the default. Throws `usage` with variable, value and allowed range. */
export function positiveNumber(env: EnvRecord, name: string, fallback: number, most = MOST_SECONDS): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (value > 0 && value <= most) return value;
  throw wrong(name, text, `a number above 0, at most ${most}; default ${fallback}`);
}

/** Milliseconds after a boot began during which silence and `Unknown` are normal. */
export const bootGraceOf = (env: EnvRecord): number => positiveNumber(env, "VM_AGENT_BOOT_GRACE", 900) * 1000;

/** Throws `usage` with the variable's name when a value is not allowed. */
export function readSettings(flags: Flags, env: EnvRecord, cwd: string): Settings {
  const path = (value: string) => (isAbsolute(value) ? value : resolve(cwd, value));
  const fleet = path(flags.fleet ?? (env.VM_AGENT_FLEET || findFleet(cwd, env.HOME)));
  const home = path(flags.home ?? (env.VM_AGENT_HOME || join(dirname(fleet), ".vm-agent")));
  // A bare name is searched on PATH.
  const program = (value: string) => (value.includes("/") ? path(value) : value);
  const driver = flags.driver ?? (env.VM_AGENT_DRIVER || null);
  if (driver !== null && driver !== "auto" && driver !== "multipass" && driver !== "sandbox") {
    throw wrong("VM_AGENT_DRIVER or --driver", driver, "auto, multipass, sandbox");
  }
  return {
    fleet,
    home,
    driver,
    multipass: env.VM_AGENT_MULTIPASS ? program(env.VM_AGENT_MULTIPASS) : null,
    httpPort: port(env, "VM_AGENT_HTTP_PORT"),
    wsPort: port(env, "VM_AGENT_WS_PORT"),
    dashboardPort: port(env, "VM_AGENT_DASHBOARD_PORT"),
    bind: env.VM_AGENT_BIND || "127.0.0.1",
    url: env.VM_AGENT_URL || null,
    token: env.VM_AGENT_TOKEN || null,
    allow: {
      paths: listed(env.VM_AGENT_ALLOW_PATHS, delimiter).map((value) =>
        path(value.replace(/^~(?=\/|$)/, homedir())),
      ),
      env: listed(env.VM_AGENT_ALLOW_ENV, /[\s,]/),
      hosts: listed(env.VM_AGENT_ALLOW_HOSTS, /[\s,]/),
    },
    tls: tlsFiles(flags.tlsCert ?? env.VM_AGENT_TLS_CERT, flags.tlsKey ?? env.VM_AGENT_TLS_KEY, path),
  };
}

const listed = (value: string | undefined, separator: string | RegExp): readonly string[] =>
  (value ?? "")
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");

/**
 * The fleet folder of the nearest parent folder that has one, as git finds its repository; no further than the
 * repository's root or the home folder. Without one: that of this folder.
 */
function findFleet(cwd: string, home: string | undefined): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const fleet = join(folder, "fleet");
    if (statSync(fleet, { throwIfNoEntry: false })?.isDirectory()) return fleet;
    if (folder === home || folder === dirname(folder) || existsSync(join(folder, ".git"))) return "fleet";
  }
}

function tlsFiles(cert: string | undefined, key: string | undefined, path: (value: string) => string) {
  if (!cert && !key) return null;
  if (!cert || !key) {
    throw new VmAgentError({
      code: "usage",
      message: cert ? "there is a TLS certificate, and no key" : "there is a TLS key, and no certificate",
      next: "give both: --tls-cert and --tls-key, or VM_AGENT_TLS_CERT and VM_AGENT_TLS_KEY",
      exit: EXIT.usage,
    });
  }
  return { cert: path(cert), key: path(key) };
}

function port(env: EnvRecord, name: string): number | null {
  const value = env[name];
  if (value === undefined || value === "") return null;
  const n = Number(value);
  if (!Number.isInteger(n) || n < 0 || n > 65535) throw wrong(name, value, "a port from 0 to 65535");
  return n;
}

const wrong = (name: string, found: string, allowed: string): VmAgentError =>
  new VmAgentError({
    code: "usage",
    message: `${name} is "${found}"`,
    next: `allowed: ${allowed}`,
    exit: EXIT.usage,
  });
