/**
 * The configuration pushed to each runtime, with secrets read where the document says; their values go nowhere else.
 */
import { createHmac } from "node:crypto";
import { PlainFileError, readPlainFile } from "../base/plain-file.ts";
import { withholdFromInstances } from "../base/process/scrubbed-env.ts";
import type { DesiredAgent, Held, SecretRef } from "../core/types.ts";
import { refusedSecret, type Trust } from "../fleet/trust.ts";
import type { RuntimeConfig } from "../execute/ports.ts";

export interface MissingSecret {
  readonly agent: string;
  readonly secret: string;
  /** Where it was looked for; never the value. */
  readonly message: string;
  readonly release: string;
}

export interface RuntimeConfigDeps {
  /** Of the fleet in force. */
  readonly trust: () => Trust;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The fleet's key: without it a hash does not reveal which value was hashed. */
  readonly key: Buffer;
}

export interface ReadConfig {
  readonly config: RuntimeConfig;
  readonly missing: readonly MissingSecret[];
  /** Secrets whose value has changed since it was last read here. */
  readonly rotated: readonly string[];
}

export interface RuntimeConfigs {
  read(agent: DesiredAgent): Promise<ReadConfig>;
  /** Forgets the values of all other agents. */
  retain(agents: readonly string[]): void;
}

/**
 * Remembers the last value of each secret in memory: a value that cannot be read any more stays in force, and a newly
 * connected runtime receives it. A secret that was never read in this process is left to the runtime, which keeps its
 * value.
 */
export function createRuntimeConfigs({ env, key, trust }: RuntimeConfigDeps): RuntimeConfigs {
  const known = new Map<string, ReadonlyMap<string, string>>();
  return {
    async read(agent) {
      const before = known.get(agent.name);
      const values = new Map<string, string>();
      const missing: MissingSecret[] = [];
      const refused = new Set<string>();
      const rotated: string[] = [];
      for (const [name, ref] of Object.entries(agent.secrets)) {
        const last = before?.get(name);
        const found = fits(name, readSecret(ref, env, trust()));
        if (typeof found !== "string") missing.push(missingSecret(agent.name, name, found));
        if (typeof found !== "string" && found.isRefused) {
          refused.add(name);
          continue;
        }
        const value = typeof found === "string" ? found : last;
        if (value === undefined) continue;
        values.set(name, value);
        if (last !== undefined && value !== last) rotated.push(name);
      }
      known.set(agent.name, values);
      return { config: configOf(agent, { values, refused }, key), missing, rotated };
    },
    retain(agents) {
      const kept = new Set(agents);
      for (const name of known.keys()) if (!kept.has(name)) known.delete(name);
    },
  };
}

/** `MAX_ARG_STRLEN` of Linux without its zero byte: with a larger variable no task could start. */
const LONGEST_VARIABLE = 131_071;

function fits(name: string, value: string | Unread): string | Unread {
  if (typeof value !== "string" || Buffer.byteLength(`${name}=${value}`) <= LONGEST_VARIABLE) return value;
  const why = `its value has ${Buffer.byteLength(value)} bytes, and an environment variable has at most ${LONGEST_VARIABLE} with its name`;
  return { why, release: "give a shorter value, or put the file into the instance with provision.files" };
}

/** Secrets of these agents that this process cannot read, for plans without a hub. */
export function missingSecrets(
  agents: readonly DesiredAgent[],
  env: RuntimeConfigDeps["env"],
  trust: Trust,
): readonly MissingSecret[] {
  const missing: MissingSecret[] = [];
  for (const agent of agents)
    for (const [name, ref] of Object.entries(agent.secrets)) {
      const found = fits(name, readSecret(ref, env, trust));
      if (typeof found !== "string") missing.push(missingSecret(agent.name, name, found));
    }
  return missing;
}

export const heldSecret = ({ agent, message, release }: MissingSecret): Held => ({
  agent,
  reason: "secret-missing",
  would: null,
  message,
  release,
});

interface Unread {
  /** It is not allowed: its former value is not used either. */
  readonly isRefused?: boolean;
  readonly why: string;
  readonly release: string;
}

/** For a file, the last line end is not part of the value. An empty file is being written. */
function readSecret(ref: SecretRef, env: RuntimeConfigDeps["env"], trust: Trust): string | Unread {
  const refused = refusedSecret(ref, trust);
  if (refused !== null)
    return { why: `its source ${refused.message}`, release: refused.next, isRefused: true };
  if ("fromEnv" in ref) {
    withholdFromInstances(ref.fromEnv);
    const value = env[ref.fromEnv];
    if (value !== undefined) return value.replace(/\r?\n$/, "");
    return {
      why: `the environment has no ${ref.fromEnv}`,
      release: `start vm-agent up with ${ref.fromEnv} set, or take the secret out of the document`,
    };
  }
  const { fromFile } = ref;
  const release = `write ${fromFile} so that this user can read it; it is taken by itself`;
  let text: string;
  try {
    text = readPlainFile(fromFile).toString("utf8");
  } catch (error) {
    const why = error instanceof PlainFileError ? `${fromFile} ${error.message}` : `cannot read ${fromFile}`;
    return { why, release };
  }
  return text === "" ? { why: `${fromFile} is empty`, release } : text.replace(/\r?\n$/, "");
}

const missingSecret = (
  agent: string,
  secret: string,
  { why, release, isRefused = false }: Unread,
): MissingSecret => ({
  agent,
  secret,
  message: `secret ${secret} of ${agent}: ${why}${isRefused ? "" : "; its former value, if there was one, stays in force"}`,
  release,
});

interface Secrets {
  readonly values: ReadonlyMap<string, string>;
  /** The runtime does not keep its former values of these. */
  readonly refused: ReadonlySet<string>;
}

function configOf(agent: DesiredAgent, { values, refused }: Secrets, key: Buffer): RuntimeConfig {
  const { configHash, type, capabilities, labels, tasks, health, size } = agent;
  const names = Object.keys(agent.secrets);
  const keepSecrets = names.filter((name) => !values.has(name) && !refused.has(name));
  return {
    hash: names.length === 0 ? configHash : `${configHash}.${sealOf(agent, values, key)}`,
    type,
    capabilities,
    labels,
    env: agent.env,
    secrets: Object.fromEntries(values),
    ...(keepSecrets.length > 0 && { keepSecrets }),
    tasks,
    offlineAfter: health.offlineAfter,
    state: agent.state,
    down: agent.state !== "running",
    paused: agent.paused,
    size,
  };
}

/**
 * Only distinguishes two sets of values: without the fleet's key values cannot be guessed, and the agent's name in it
 * hides that two agents share one. No nonce is derived from a text that begins with a line break.
 */
function sealOf(agent: DesiredAgent, values: ReadonlyMap<string, string>, key: Buffer): string {
  const entries = Object.keys(agent.secrets)
    .sort()
    .map((name) => [name, values.get(name) ?? null]);
  const text = `\nsecrets\n${JSON.stringify([agent.name, entries])}`;
  return createHmac("sha256", key).update(text).digest("base64url");
}
