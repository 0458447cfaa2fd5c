/** Actions of the terminal dashboard beyond the hub's API: edits of the fleet, applied by the loop, and a shell. */
import { join, relative } from "node:path";
import type { Api } from "../../../ui/client/api.ts";
import type { PlanView } from "../../../ui/client/types.ts";
import { systemClock } from "../../base/clock.ts";
import type { Settings } from "../../base/env.ts";
import { VmAgentError } from "../../base/errors.ts";
import { handOver } from "../../base/process/hand-over.ts";
import { readPlainFile } from "../../base/plain-file.ts";
import type { PowerState } from "../../core/types.ts";
import type { Executable } from "../../drivers/multipass/call.ts";
import { createFleetEdits, type Edited } from "../edits/fleet-edits.ts";
import type { Look } from "../edits/fleet-file.ts";

export interface OrdersDeps {
  readonly settings: Settings;
  readonly look: Look;
  readonly api: Api;
  /** The selected Multipass. */
  readonly executable: () => Promise<Executable>;
}

/** How long the loop may take to see that a document was removed. Milliseconds. */
const SEEN_MS = 15_000;
const LOOK_MS = 200;

/** Each resolves with the result, in words. */
export function fleetOrders({ settings, look, api, executable }: OrdersDeps) {
  const edits = createFleetEdits(settings, look);
  /** Relative to the fleet folder, as everywhere on the screen. */
  const inFleet = (path: string): string => relative(settings.fleet, path);
  /** The result, once the loop has read it. */
  const words = async (edited: Edited, what: string): Promise<string> => {
    const {
      changed,
      files,
      document,
      settings: { git },
    } = edited;
    if (!changed) return `${what} already; no file was changed.`;
    // The edit is saved either way: if the loop cannot be reached, its watcher finds it.
    if (!git.follow) await api.reconcile([], true).catch(() => {});
    const where = files.length > 0 ? files.map(inFleet) : [inFleet(document)];
    const when = git.follow ? " The fleet follows git: it counts once it is committed." : "";
    return `${what}; written to ${where.join(", ")}.${when}`;
  };
  return {
    async state(agents: readonly string[], state: PowerState): Promise<string> {
      return words(await edits.setState(agents, state), `${areWords(agents)} to be ${state}`);
    },
    async paused(agents: readonly string[], paused: boolean): Promise<string> {
      const all: Edited[] = [];
      for (const agent of agents) all.push(await edits.setPaused(agent, paused));
      return words(together(all), `${areWords(agents)} ${paused ? "" : "not "}paused`);
    },
    async snapshot(agents: readonly string[], snapshot: string): Promise<string> {
      return words(
        await edits.declareSnapshot(agents, snapshot),
        `The snapshot ${snapshot} of ${agents.join(", ")} is declared`,
      );
    },
    async restore(agent: string, snapshot: string): Promise<string> {
      const token = new Date(systemClock.now()).toISOString();
      return words(await edits.askRestore(agent, snapshot, token), `${agent} is to go back to ${snapshot}`);
    },
    async destroy(agent: string): Promise<string> {
      const edited = await edits.removeAgent(agent);
      if (edited.settings.git.follow)
        return `${await words(edited, `${agent} is removed`)} Then the plan shows its instance, and apply removes it.`;
      await api.reconcile([], true).catch(() => {});
      const gone = await release(api, edited.instances);
      return `The document of ${agent} is gone from ${inFleet(edited.document)}; ${gone ? "no instance was left" : "its instance is being destroyed"}.`;
    },
    async shell(agent: string): Promise<number> {
      const { file, args, env } = await executable();
      return handOver(file, [...args, "shell", agent], env);
    },
    async document(agent: string): Promise<string | null> {
      const { agents } = await api.getFleet();
      const source = agents.find((a) => a.name === agent)?.source;
      return source ? readPlainFile(join(settings.fleet, source.file)).toString("utf8") : null;
    },
  };
}

const areWords = (agents: readonly string[]): string =>
  `${agents.join(", ")} ${agents.length === 1 ? "is" : "are"}`;

/** Several edits as one; there is at least one. */
const together = (all: readonly Edited[]): Edited => ({
  ...(all[0] as Edited),
  changed: all.some((e) => e.changed),
  files: [...new Set(all.flatMap((e) => e.files))],
});

/**
 * Approves the deletions that a person named, once the loop has seen that the documents are gone. True: there was
 * nothing to approve.
 */
async function release(api: Api, names: readonly string[]): Promise<boolean> {
  const end = systemClock.now() + SEEN_MS;
  for (;;) {
    const plan: PlanView | null = await api.getPlan();
    const open = [...(plan?.changes ?? []), ...(plan?.held.flatMap((h) => h.would ?? []) ?? [])].filter(
      (c) => names.includes(c.agent) && c.action === "destroy",
    );
    if (open.length > 0) {
      const changes = open.map(({ agent, action }) => ({ agent, action }));
      await api.apply({ changes, allowDelete: changes.map((c) => c.agent) });
      return false;
    }
    const { agents } = await api.getFleet();
    if (!agents.some((a) => names.includes(a.name))) return true;
    if (systemClock.now() > end)
      throw new VmAgentError({
        code: "not-seen",
        message: `the document of ${names.join(", ")} is gone, but the loop does not plan to remove the instance`,
        next: "look at the plan, which says what is held and why",
      });
    await systemClock.sleep(LOOK_MS);
  }
}
