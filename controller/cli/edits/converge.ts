/** Writes an edit of the fleet and carries it out for its agents. */
import { existsSync } from "node:fs";
import { instanceNameOf } from "../../core/renames.ts";
import type { Action, Claim } from "../../core/types.ts";
import {
  type HeldItem,
  type Order,
  type Outcome,
  applyLocally,
  exitOf,
  applyViaHub,
} from "../plan/carry-out.ts";
import { commitEdit, mayEdit } from "./edit-in-git.ts";
import { findHub } from "../system/home.ts";
import { shownPath } from "../output/output.ts";
import type { Invocation } from "../command-spec.ts";
import { openContext } from "../system/command-context.ts";

export interface Written {
  /** False: the files say so already. */
  readonly changed: boolean;
  /** Absolute paths. */
  readonly files: readonly string[];
  /** The instances it concerns. */
  readonly instances: readonly string[];
}

export interface Edit {
  /** As typed, for the audit and the commit. */
  readonly command: string;
  readonly edit: () => Promise<Written>;
  /** The action of the edit, approved by the person who typed it. */
  readonly action: Action | null;
  /** True: includes protected agents, because they were named. */
  readonly allowDelete?: boolean;
}

/** Throws, without a change, when the edit would make the fleet invalid or would not take effect. */
export async function converge(invocation: Invocation, edit: Edit): Promise<number> {
  const { settings, output, options: flags } = invocation;
  const { command, action } = edit;
  const git = await mayEdit(settings, output, flags.commit === true, command);
  let written: Written = { changed: false, files: [], instances: [] };
  const claims = await claimsOf(settings);
  const write = async (): Promise<Order> => {
    const edited = await edit.edit();
    written = { ...edited, instances: edited.instances.map((name) => instanceNameOf(name, claims)) };
    if (git && written.files.length > 0) await commitEdit(git, written.files, command);
    if (!output.json) tell(invocation, written, git !== null);
    const { instances } = written;
    return {
      changes: action === null ? [] : instances.map((agent) => ({ agent, action })),
      targets: instances,
      allowDelete: edit.allowDelete ? instances : [],
    };
  };
  const hub = await findHub(settings);
  const options = { settings, output, command: `vm-agent ${command}` };
  const done = hub
    ? await applyViaHub(options, hub.api, write)
    : await applyLocally(options, await write(), null);
  const { instances, changed, files } = written;
  const outcome = action === "destroy" ? await withListed(invocation, done, instances) : done;
  if (output.json) output.out(JSON.stringify({ agents: instances, changed, files, ...outcome }));
  const exit = exitOf(invocation, outcome);
  if (exit === 0 && !output.json)
    output.out(
      `${output.paint("good", "✓")} ${instances.join(", ")}: ${action === "destroy" ? "removed" : "in sync"}`,
    );
  return exit;
}

/** "Gone" is what a trustworthy list does not show: whatever it still shows is held, with the command that would remove it. */
async function withListed(
  { settings, output }: Invocation,
  outcome: Outcome,
  instances: readonly string[],
): Promise<Outcome> {
  const open = new Set([...outcome.failed, ...outcome.undone, ...outcome.held.map((h) => h.agent)]);
  const unclear = instances.filter((name) => !open.has(name));
  if (unclear.length === 0) return outcome;
  await using world = await openContext(settings, {});
  const seen = await (await world.selection()).driver.list();
  const listed = (name: string) => seen.kind === "seen" && seen.instances.some((i) => i.name === name);
  const held = unclear.flatMap((agent): HeldItem[] => {
    if (seen.kind === "unobservable")
      return [
        {
          agent,
          reason: "unobservable",
          message: `whether "${agent}" is gone cannot be seen: ${seen.reason}`,
          release: seen.next,
          would: null,
        },
      ];
    if (!listed(agent)) return [];
    return [
      {
        agent,
        reason: "foreign",
        message: `an instance "${agent}" is still there, and nothing proves that this fleet made it, so it was not touched`,
        release: `to remove it: vm-agent multipass delete --purge ${agent}`,
        would: null,
      },
    ];
  });
  if (!output.json)
    for (const { agent, message, release } of held)
      output.err(
        `${output.paint("strong", agent)}: ${output.paint("warn", "? held")}: ${message}\n    ${release}`,
      );
  return { ...outcome, held: [...outcome.held, ...held] };
}

async function claimsOf(settings: Invocation["settings"]): Promise<readonly Claim[]> {
  await using world = await openContext(settings, {});
  return world.store().claims.list();
}

function tell({ output }: Invocation, { changed, files }: Written, committed: boolean): void {
  if (!changed) output.out("The fleet files say so already; no file was changed.");
  else
    for (const file of files)
      output.out(
        `${existsSync(file) ? "Written to" : "Removed"} ${shownPath(file)}${committed ? ", and committed" : ""}.`,
      );
}
