// Reads and checks `launch`'s arguments, in the client's order, before anything is asked of the daemon.
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Arguments } from "../frontend/command.ts";
import { Exit, unhandled, usage } from "../failure.ts";
import { BAD_SIZE, parseSize } from "../frontend/memory-size.ts";

export interface LaunchRequest {
  readonly image: string;
  readonly name: string | undefined;
  readonly cpus: number;
  readonly memory: number;
  readonly disk: number;
  /** The texts as given, for the daemon's complaints. */
  readonly memoryText: string;
  readonly diskText: string;
  readonly userData: Readonly<Record<string, unknown>>;
  readonly bridged: boolean;
  /** Names of the host's networks. */
  readonly networks: readonly string[];
  readonly mounts: readonly { readonly source: string; readonly target: string | undefined }[];
  /** Seconds; undefined without --timeout. */
  readonly timeout: number | undefined;
}

export async function readLaunchRequest(args: Arguments): Promise<LaunchRequest> {
  if (args.positional.length > 1) throw usage("Too many arguments supplied");
  const mounts = args.values("mount").map(readMount);
  for (const network of args.values("network")) checkNetwork(network);
  const memoryText = args.value("memory") ?? args.value("mem") ?? "1G";
  const diskText = args.value("disk") ?? "5G";
  const cpus = readCpus(args.value("cpus"));
  const memory = readSize(memoryText);
  const disk = readSize(diskText);
  const timeout = readTimeout(args);
  return {
    image: args.positional[0] ?? "",
    name: args.value("name"),
    cpus,
    memory,
    disk,
    memoryText,
    diskText,
    userData: await readUserData(args.value("cloud-init")),
    networks: args.values("network").map(networkName),
    bridged: args.has("bridged") || args.values("network").includes("bridged"),
    mounts,
    timeout,
  };
}

/** Seconds of --timeout. */
export function readTimeout(args: Arguments): number | undefined {
  const text = args.value("timeout");
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text) || Number(text) <= 0)
    throw usage("error: --timeout value has to be a positive integer");
  return Number(text);
}

function readCpus(text: string | undefined): number {
  if (text === undefined) return 1;
  if (!/^\d+$/.test(text) || Number(text) < 1) {
    throw usage(`Error: invalid CPU count '${text}', need a positive integer value.`);
  }
  return Number(text);
}

function readSize(text: string): number {
  const size = parseSize(text);
  if (size === undefined) throw unhandled(`${text} ${BAD_SIZE}`);
  return size;
}

function readMount(text: string): LaunchRequest["mounts"][number] {
  const colon = text.indexOf(":");
  const source = resolve(colon < 0 ? text : text.slice(0, colon));
  if (!existsSync(source)) throw usage(`Mount source path "${source}" does not exist`);
  if (!statSync(source).isDirectory()) throw usage(`Mount source path "${source}" is not a directory`);
  return { source, target: colon < 0 ? undefined : text.slice(colon + 1) };
}

/** `name` alone, or `key=value,...` with name, mode and mac. */
function checkNetwork(text: string): void {
  if (!text.includes("=")) return;
  const values = new Map(
    text.split(",").map((part) => [part.split("=")[0]?.toLowerCase() ?? "", part.split("=")[1] ?? ""]),
  );
  const mode = values.get("mode");
  if (mode !== undefined && mode !== "auto" && mode !== "manual") {
    throw usage(`error: Bad network mode '${mode}', need 'auto' or 'manual'`);
  }
  const mac = values.get("mac");
  if (mac !== undefined && !/^([\da-f]{2}:){5}[\da-f]{2}$/i.test(mac))
    throw usage(`error: Invalid MAC address: ${mac}`);
  if (!values.get("name")) throw usage("error: Bad network definition, need at least a 'name' field");
}

const networkName = (text: string): string => /(?:^|,)name=([^,]*)/i.exec(text)?.[1] ?? text;

async function readUserData(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (file === undefined) return {};
  const text = readCloudInit(file);
  const { LineCounter, parseDocument } = await import("../frontend/yaml.ts");
  const { dropQuotes } = await import("../frontend/yaml-writer.ts");
  const lines = new LineCounter();
  const document = parseDocument(text, { version: "1.1", prettyErrors: false, lineCounter: lines });
  const error = document.errors[0];
  if (error) {
    const unclosed = /flow (sequence|map)/i.exec(error.message)?.[1]?.toLowerCase();
    // yaml-cpp notices a missing bracket at the end of the text.
    const { line, col } = lines.linePos(unclosed ? text.length : error.pos[0]);
    const what = unclosed ? `end of ${unclosed} flow not found` : error.message;
    throw badCloudInit(`yaml-cpp: error at line ${line}, column ${col}: ${what}`);
  }
  dropQuotes(document);
  const value: unknown = document.toJS({ maxAliasCount: 1000 });
  if (value !== null && typeof value === "object" && !Array.isArray(value))
    return value as Record<string, unknown>;
  return {};
}

function readCloudInit(file: string): string {
  if (file === "-") return readFileSync(0, "utf8");
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw badCloudInit(`bad file: ${file}\nPlease ensure that Multipass can read it.`);
  }
}

const badCloudInit = (what: string): Exit =>
  new Exit(1, `Could not load cloud-init configuration: ${what}\n`);

/** Where a mount without a target goes. */
export const defaultTarget = (source: string): string => `/home/ubuntu/${basename(source)}`;
