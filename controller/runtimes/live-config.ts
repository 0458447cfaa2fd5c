/**
 * Keeps the configuration of every runtime equal to documents and secrets; a rotated secret is pushed automatically.
 */
import { isDeepStrictEqual } from "node:util";
import { keptNames } from "../core/renames.ts";
import type { Claim, Desired, DesiredAgent, Held } from "../core/types.ts";
import type { RuntimePort } from "../execute/ports.ts";
import { type MissingSecret, type RuntimeConfigs, heldSecret } from "./config.ts";
import type { SecretFiles } from "../fleet/secret-files.ts";

export interface LiveConfigDeps {
  readonly desired: () => Desired | null;
  readonly claims: () => readonly Claim[];
  readonly configs: RuntimeConfigs;
  readonly runtime: Pick<RuntimePort, "configure">;
  /** Called when a file changes; null: files are not watched. */
  readonly files: SecretFiles | null;
  /** Names only. */
  readonly onRotated: (agent: string, secrets: readonly string[]) => void;
  /** A secret that became unreadable has changed. */
  readonly onMissing: () => void;
}

export interface LiveConfig {
  /** All agents, after the fleet was read. */
  readAll(): Promise<void>;
  /** A runtime that the hub had forgotten and admits again; by the name of its instance. */
  readOne(name: string): Promise<void>;
  /** Agents with secrets: read at every resync, because not every file can be watched. */
  readSecrets(): Promise<void>;
  /** Resolves when no read is in progress. */
  idle(): Promise<void>;
  missing(): readonly MissingSecret[];
  held(): readonly Held[];
}

export function createLiveConfig(deps: LiveConfigDeps): LiveConfig {
  let missing: readonly MissingSecret[] = [];
  let known: ReturnType<typeof keptNames> = null;
  /** Reads are serialised, so that an older one never wins. */
  let last: Promise<void> = Promise.resolve();
  let waiting: { all: boolean; done: Promise<void> } | null = null;

  // Multipass cannot rename an instance, so some have a former name; claims may change which.
  const keptNow = (desired: Desired | null) => desired && keptNames(desired, deps.claims());
  /** `former`: the name of its instance, where it differs; the hub knows the agent by that name alone. */
  const tell = async (agent: DesiredAgent, former: string | undefined): Promise<readonly MissingSecret[]> => {
    const { config, missing: lacks, rotated } = await deps.configs.read(agent);
    if (former === undefined) deps.runtime.configure(agent.name, config);
    else deps.runtime.configure(former, { ...config, calledAs: agent.name });
    if (rotated.length > 0) deps.onRotated(agent.name, rotated);
    return lacks;
  };
  const read = async (all: boolean) => {
    const desired = deps.desired();
    const agents = desired?.agents ?? [];
    const found: MissingSecret[] = [];
    const kept = keptNow(desired);
    const isOther = !isDeepStrictEqual(kept, known);
    known = kept;
    for (const agent of agents)
      if (all || isOther || hasSecrets(agent)) found.push(...(await tell(agent, kept?.get(agent.name))));
    deps.configs.retain(agents.map((a) => a.name));
    deps.files?.follow(agents.flatMap(filesOf));
    const changed = wordsOf(found) !== wordsOf(missing);
    missing = found;
    if (changed) deps.onMissing();
  };
  const ask = (all: boolean): Promise<void> => {
    if (waiting) {
      waiting.all ||= all;
      return waiting.done;
    }
    const mine = { all, done: Promise.resolve() };
    waiting = mine;
    mine.done = last.then(() => {
      waiting = null;
      return read(mine.all);
    });
    last = mine.done.catch(() => {});
    return mine.done;
  };
  return {
    readAll: () => ask(true),
    readOne: (name) => {
      last = last
        .then(async () => {
          const desired = deps.desired();
          const kept = keptNow(desired);
          const agent = desired?.agents.find((a) => (kept?.get(a.name) ?? a.name) === name);
          if (agent) await tell(agent, kept?.get(agent.name));
        })
        .catch(() => {});
      return last;
    },
    readSecrets: () => ask(false),
    idle: () => last,
    missing: () => missing,
    held: () => missing.map(heldSecret),
  };
}

const hasSecrets = (agent: DesiredAgent): boolean => Object.keys(agent.secrets).length > 0;

const filesOf = (agent: DesiredAgent): readonly string[] =>
  Object.values(agent.secrets).flatMap((ref) => ("fromFile" in ref ? ref.fromFile : []));

const wordsOf = (missing: readonly MissingSecret[]): string => missing.map((m) => m.message).join("\n");
