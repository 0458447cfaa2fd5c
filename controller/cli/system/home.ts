/** Layout of the state folder, and how commands find a running hub. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { type Api, createApi, toApiError } from "../../../ui/client/api.ts";
import { httpGet } from "./http-get.ts";
import { waiting } from "../output/waiting.ts";

/** The addresses that a running hub bound. */
export interface HubFile {
  readonly pid: number;
  readonly startedAt: number;
  /** Also in its health answer: after a power cut another hub may have the same address. */
  readonly run?: string;
  readonly http: string;
  readonly agent: string;
  readonly dashboard: string;
  readonly driver: string;
  readonly sandbox: boolean;
  /** SHA-256 of the certificate, where it speaks TLS: commands pin it. */
  readonly fingerprint?: string;
}

export const databasePath = (home: string): string => join(home, "vm-agent.db");
const hubFilePath = (home: string): string => join(home, "hub.json");

export function writeHubFile(home: string, hub: HubFile): void {
  const path = hubFilePath(home);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(hub, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

export function removeHubFile(home: string): void {
  rmSync(hubFilePath(home), { force: true });
}

export function readHubFile(home: string): HubFile | null {
  try {
    return JSON.parse(readFileSync(hubFilePath(home), "utf8")) as HubFile;
  } catch {
    return null;
  }
}

export function operatorToken(settings: Settings): string | null {
  if (settings.token) return settings.token;
  try {
    return readFileSync(join(settings.home, "operator-token"), "utf8").trim();
  } catch {
    return null;
  }
}

/** The API of the running hub of this fleet, or null when none answers. */
export async function findHub(
  settings: Settings,
): Promise<{ readonly api: Api; readonly file: HubFile | null } | null> {
  const file = readHubFile(settings.home);
  const url = settings.url ?? file?.http ?? null;
  const token = operatorToken(settings);
  if (url === null || token === null) return null;
  // A hub given by hand is trusted like any other server.
  const pin = url === file?.http ? file?.fingerprint : undefined;
  try {
    const answer = await waiting(process.stderr, `the hub at ${url}`, () =>
      httpGet(new URL("/health", url), { deadlineMs: 2000, pin }),
    );
    if (answer.status !== 200) return null;
    if (url === file?.http && file.run !== undefined && runOf(answer.text) !== file.run) return null;
  } catch {
    return null;
  }
  return { api: commandApi(url, token, pin), file };
}

function runOf(health: string): unknown {
  try {
    return (JSON.parse(health) as { readonly run?: unknown }).run;
  } catch {
    return undefined;
  }
}

/** The API with GET by `node:http`: loading `fetch` takes longer than a short command. */
function commandApi(url: string, token: string, pin: string | undefined): Api {
  return createApi({
    ...fetchOf(pin),
    url,
    token,
    async get<T>(path: string) {
      const { status, text } = await httpGet(new URL(path, url), {
        headers: { authorization: `Bearer ${token}` },
        pin,
      });
      if (status < 200 || status > 299) throw toApiError(status, text);
      return JSON.parse(text) as T;
    },
  });
}

export async function needHub(
  settings: Settings,
): Promise<{ readonly api: Api; readonly file: HubFile | null }> {
  const hub = await findHub(settings);
  if (hub) return hub;
  const where = settings.url ?? readHubFile(settings.home)?.http;
  throw new VmAgentError({
    code: "hub-unreachable",
    message: where ? `no hub answers at ${where}` : `no hub runs for ${settings.fleet}`,
    next: "start it in another terminal with vm-agent up, or name one with VM_AGENT_URL and VM_AGENT_TOKEN",
    exit: EXIT.unreachable,
  });
}

/** Options for requests to a hub with this certificate. */
export function fetchOf(pin: string | undefined): { readonly fetch?: typeof fetch } {
  if (pin === undefined) return {};
  return { fetch: async (...asked) => (await import("./pinned.ts")).pinnedFetch(pin)(...asked) };
}
