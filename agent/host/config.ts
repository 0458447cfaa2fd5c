/** The runtime's configuration: settings file from cloud-init, credential, and the configuration pushed by the hub. */
import { readFileSync } from "node:fs";
import { ensureDir, readJson, readText, writeAtomic } from "./files.ts";
import { readAddresses } from "../session/gateway.ts";
import { ADDRESSES_FILE, CREDENTIAL_FILE, guest, PUSHED_CONFIG_FILE, STATE_DIR } from "./paths.ts";
import { scrubJoinToken } from "./scrub.ts";
import { isRecord, type PushedConfig, type TaskConfig } from "../session/wire.ts";

export interface Settings {
  readonly agent: string;
  readonly nonce: string;
  readonly joinToken: string | null;
  readonly hub: readonly string[];
  readonly port: number;
  /** PEM of the authority that signed the hub's certificate, for `wss://` addresses. */
  readonly ca: string | null;
}

/** Throws with a sentence that names the file and the field. */
export function readSettings(file: string): Settings {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isRecord(value)) throw new Error(`${file}: not a JSON object`);
  const { agent, nonce, joinToken, hub, port, ca } = value;
  if (typeof agent !== "string" || agent === "") throw new Error(`${file}: "agent" must be the agent's name`);
  if (typeof nonce !== "string") throw new Error(`${file}: "nonce" must be a string`);
  return {
    agent,
    nonce,
    joinToken: typeof joinToken === "string" && joinToken !== "" ? joinToken : null,
    hub: Array.isArray(hub) ? hub.filter((entry): entry is string => typeof entry === "string") : [],
    port: typeof port === "number" ? port : 9090,
    ca: typeof ca === "string" ? ca : null,
  };
}

export function readCredential(): string | null {
  const text = readText(guest(CREDENTIAL_FILE));
  return text === null || text === "" ? null : text;
}

/**
 * The credential is on disk before the join token leaves the settings, so that a crash between the two leaves
 * both and never neither.
 */
export function storeCredential(credential: string, settingsFile: string): void {
  ensureDir(guest(STATE_DIR));
  writeAtomic(guest(CREDENTIAL_FILE), `${credential}\n`);
  const settings = readJson(settingsFile);
  if (!isRecord(settings) || settings.joinToken === undefined) return;
  const { joinToken: dead, ...rest } = settings;
  // The copies first: as long as the settings have the token, a crash between the two is made up for.
  if (typeof dead === "string") scrubJoinToken(dead);
  writeAtomic(settingsFile, `${JSON.stringify(rest)}\n`);
}

/** Beside those of the settings, which stay: a hub that moves back is found again. */
export function loadAddresses(): readonly string[] {
  return readAddresses(readJson(guest(ADDRESSES_FILE)));
}

export function storeAddresses(reported: readonly string[]): void {
  if (JSON.stringify(reported) === JSON.stringify(loadAddresses())) return;
  ensureDir(guest(STATE_DIR));
  writeAtomic(guest(ADDRESSES_FILE), JSON.stringify(reported));
}

export const DEFAULT_TASKS: TaskConfig = { concurrency: 1, sudo: false, user: "ubuntu" };

/** The pushed configuration as it is in force, and whether secrets are still missing after a restart. */
export interface ActiveConfig {
  readonly config: PushedConfig | null;
  /** True: the last configuration had secrets, which live in memory only, and the hub has not sent them yet. */
  readonly awaitsSecrets: boolean;
}

export function loadPushed(): ActiveConfig {
  const value = readJson(guest(PUSHED_CONFIG_FILE));
  if (!isRecord(value)) return { config: null, awaitsSecrets: false };
  const config = parsePushed(value);
  const names = Array.isArray(value.secretNames) ? value.secretNames : [];
  return { config, awaitsSecrets: config !== null && names.length > 0 };
}

/** Secrets stay in memory: a snapshot or a clone of the guest's disk must not carry them. */
export function storePushed(config: PushedConfig): void {
  ensureDir(guest(STATE_DIR));
  const { secrets, ...rest } = config;
  writeAtomic(guest(PUSHED_CONFIG_FILE), JSON.stringify({ ...rest, secretNames: Object.keys(secrets) }));
}

/**
 * The payload of `config`, or null when it has no hash. Missing fields get the defaults. `former`: what is in force, of which
 * the secrets stay that the hub cannot read now.
 */
export function parsePushed(value: unknown, former: PushedConfig | null = null): PushedConfig | null {
  if (!isRecord(value) || typeof value.hash !== "string") return null;
  const tasks = isRecord(value.tasks) ? value.tasks : {};
  const kept = Object.entries(former?.secrets ?? {}).filter(([name]) =>
    names(value.keepSecrets).includes(name),
  );
  const concurrency = typeof tasks.concurrency === "number" ? Math.floor(tasks.concurrency) : 1;
  return {
    hash: value.hash,
    type: typeof value.type === "string" ? value.type : "",
    capabilities: Array.isArray(value.capabilities) ? value.capabilities.map(String) : [],
    labels: strings(value.labels),
    env: strings(value.env),
    secrets: { ...Object.fromEntries(kept), ...strings(value.secrets) },
    tasks: {
      concurrency: Math.max(1, concurrency),
      sudo: tasks.sudo === true,
      user: typeof tasks.user === "string" && tasks.user !== "" ? tasks.user : DEFAULT_TASKS.user,
    },
  };
}

const names = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export function strings(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  const entries = Object.entries(value).filter(([, text]) =>
    ["string", "number", "boolean"].includes(typeof text),
  );
  return Object.fromEntries(entries.map(([key, text]) => [key, String(text)]));
}
