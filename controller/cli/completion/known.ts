/**
 * Names of the fleet, its hub and its instances for completion; empty where they cannot be read, because completion
 * must not print errors.
 */
import { type Settings, trustOf } from "../../base/env.ts";
import type { Desired } from "../../core/types.ts";
import { counted } from "../../core/units.ts";
import type { Ask, Candidate, Kind } from "./words.ts";

/** Upper limit of a completion. Milliseconds. */
const DEADLINE_MS = 2000;
/** The latest items of unbounded lists. */
const LATEST = 50;
const AUDIT = 1000;

const OPEN = ["queued", "sent", "running"] as const;

export function knownOf(settings: Settings): Ask {
  return async (kind, values) => {
    const late = new Promise<readonly Candidate[]>((resolve) => {
      setTimeout(() => resolve([]), DEADLINE_MS).unref();
    });
    return Promise.race([look(settings, kind, values).catch(() => []), late]);
  };
}

async function look(
  settings: Settings,
  kind: Kind,
  values: readonly string[],
): Promise<readonly Candidate[]> {
  switch (kind) {
    case "agents":
      return agents(await desired(settings));
    case "types":
      return withCounts((await desired(settings)).agents.map((a) => a.type).filter((type) => type !== ""));
    case "capabilities":
      return withCounts((await desired(settings)).agents.flatMap((a) => a.capabilities));
    case "labels":
      return withCounts((await desired(settings)).agents.flatMap((a) => pairs(a.labels)));
    case "pairs":
      return withCounts(
        (await desired(settings)).agents.flatMap((a) => [
          ...(a.type === "" ? [] : [`type=${a.type}`]),
          ...pairs(a.labels),
        ]),
      );
    case "profiles":
      return profiles(settings);
    case "snapshots":
      return snapshots(settings, values[0] ?? "");
    case "open-tasks":
      return openTasks(settings);
    case "audit-kinds":
      return auditKinds(settings);
    case "revisions":
      return revisions(settings);
    case "foreign":
      return foreign(settings);
  }
}

async function desired(settings: Settings): Promise<Desired> {
  const { loadFleet } = await import("../../fleet/source.ts");
  const read = await loadFleet(settings.fleet, trustOf(settings));
  if (!read.ok) throw new Error("the fleet cannot be used");
  return read.desired;
}

function agents({ agents }: Desired): readonly Candidate[] {
  const about = new Map<string, string>();
  for (const a of agents) {
    const what = [a.type, a.state].filter((text) => text !== "").join(", ");
    about.set(a.name, what);
    if (!about.has(a.document)) about.set(a.document, `all its replicas: ${what}`);
  }
  return sorted(about);
}

const pairs = (labels: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(labels).map(([key, value]) => `${key}=${value}`);

function withCounts(words: readonly string[]): readonly Candidate[] {
  const count = new Map<string, number>();
  for (const word of words) count.set(word, (count.get(word) ?? 0) + 1);
  return sorted(new Map([...count].map(([word, n]) => [word, counted(n, "agent")])));
}

const sorted = (about: ReadonlyMap<string, string>): readonly Candidate[] =>
  [...about].sort(([a], [b]) => (a < b ? -1 : 1)).map(([word, text]) => ({ word, about: text }));

async function profiles({ fleet, home }: Settings): Promise<readonly Candidate[]> {
  const { profileNames } = await import("./profile-names.ts");
  return profileNames(fleet, home).map((word) => ({ word, about: "profile" }));
}

/** Existing instances, from the hub or from the driver. */
async function snapshots(settings: Settings, document: string): Promise<readonly Candidate[]> {
  const names = (await desired(settings)).agents.filter((a) => a.document === document).map((a) => a.name);
  if (!names.includes(document)) names.push(document);
  const { findHub } = await import("../system/home.ts");
  const hub = await findHub(settings);
  const seen = (await hub?.api.getFleet())?.agents.filter((a) => names.includes(a.name));
  const reported = seen?.flatMap((a) => a.snapshots ?? []) ?? [];
  return [...new Set(reported.length > 0 ? reported : await fromDriver(settings, names))].map((word) => ({
    word,
    about: `snapshot of ${document}`,
  }));
}

async function fromDriver(settings: Settings, names: readonly string[]): Promise<readonly string[]> {
  const { openContext } = await import("../system/command-context.ts");
  await using world = await openContext(settings, { isDrawn: true });
  const all = await (await world.selection()).driver.snapshots();
  return names.flatMap((name) => (all.get(name) ?? []).map((s) => s.name));
}

async function openTasks(settings: Settings): Promise<readonly Candidate[]> {
  const { findHub } = await import("../system/home.ts");
  const found = await (await findHub(settings))?.api.listTasks({ state: [...OPEN], limit: LATEST });
  return (found?.tasks ?? []).map((t) => ({ word: t.id, about: `${t.agent}: ${t.type}, ${t.state}` }));
}

async function auditKinds(settings: Settings): Promise<readonly Candidate[]> {
  const { openContext } = await import("../system/command-context.ts");
  await using world = await openContext(settings, { isDrawn: true });
  const kinds = world
    .store()
    .audit.latest({ limit: AUDIT })
    // A family of audit actions counts too.
    .flatMap(({ action }) => [action, action.split(".", 1)[0] ?? action]);
  return [...new Set(kinds)].sort().map((word) => ({ word, about: "" }));
}

async function revisions(settings: Settings): Promise<readonly Candidate[]> {
  const { git } = await import("../../fleet/git/git.ts");
  const { stdout } = await git(settings.fleet, [
    "log",
    `--max-count=${LATEST}`,
    "--format=%h%x09%s",
    "--",
    ".",
  ]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [word = "", about = ""] = line.split("\t", 2);
      return { word, about };
    });
}

/** Instances without document and claim. */
async function foreign(settings: Settings): Promise<readonly Candidate[]> {
  const { openContext } = await import("../system/command-context.ts");
  await using world = await openContext(settings, { isDrawn: true });
  const seen = await (await world.selection()).driver.list();
  if (seen.kind !== "seen") return [];
  const ours = new Set(
    world
      .store()
      .claims.list()
      .map((c) => c.name),
  );
  return seen.instances
    .filter((i) => !ours.has(i.name) && i.state !== "Deleted")
    .map((i) => ({ word: i.name, about: `${i.state}, not ours` }));
}
