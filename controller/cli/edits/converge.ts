/** An edit of the fleet that a person asked for, written and then carried out for the agents that it is about. */
import { existsSync } from "node:fs";
import { livesAs } from "../../core/renames.ts";
import type { Action, Claim } from "../../core/types.ts";
import {
  type HeldItem,
  type Order,
  type Outcome,
  byOurselves,
  exitOf,
  throughHub,
} from "../plan/carry-out.ts";
import { commitEdit, mayEdit } from "./edit-in-git.ts";
import { findHub } from "../system/home.ts";
import { shownPath } from "../output/output.ts";
import type { Invocation } from "../command-spec.ts";
import { openWorld } from "../system/world.ts";

export interface Written {
  /** False: it said so already. */
  readonly changed: boolean;
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Instances that it is about. */
  readonly instances: readonly string[];
}

export interface Wish {
  /** As it was typed, for the audit and the commit. */
  readonly command: string;
  readonly edit: () => Promise<Written>;
  /** What the edit amounts to, which the person who typed it has said yes to. */
  readonly action: Action | null;
  /** True: what is protected, too, since it was named for that. */
  readonly allowDelete?: boolean;
}

/** Throws, with nothing written, when the edit would break the fleet or would not count. */
export async function converge(invocation: Invocation, wish: Wish): Promise<number> {
  const { settings, output, options: flags } = invocation;
  const { command, action } = wish;
  const git = await mayEdit(settings, output, flags.commit === true, command);
  let written: Written = { changed: false, files: [], instances: [] };
  const claims = await claimsOf(settings);
  const write = async (): Promise<Order> => {
    const edited = await wish.edit();
    written = { ...edited, instances: edited.instances.map((name) => livesAs(name, claims)) };
    if (git && written.files.length > 0) await commitEdit(git, written.files, command);
    if (!output.json) tell(invocation, written, git !== null);
    const { instances } = written;
    return {
      changes: action === null ? [] : instances.map((agent) => ({ agent, action })),
      targets: instances,
      allowDelete: wish.allowDelete ? instances : [],
    };
  };
  const hub = await findHub(settings);
  const options = { settings, output, command: `vm-agent ${command}` };
  const done = hub
    ? await throughHub(options, hub.api, write)
    : await byOurselves(options, await write(), null);
  const { instances, changed, files } = written;
  const outcome = action === "destroy" ? await withListed(invocation, done, instances) : done;
  if (output.json) output.out(JSON.stringify({ agents: instances, changed, files, ...outcome }));
  const exit = exitOf(invocation, outcome);
  if (exit === 0 && !output.json)
    output.out(
      `${output.paint("good", "✓")} ${instances.join(", ")}: ${action === "destroy" ? "gone" : "as written"}`,
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
  await using world = await openWorld(settings, {});
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
  await using world = await openWorld(settings, {});
  return world.store().claims.list();
}

function tell({ output }: Invocation, { changed, files }: Written, committed: boolean): void {
  if (!changed) output.out("The fleet says so already; nothing was written.");
  else
    for (const file of files)
      output.out(
        `${existsSync(file) ? "Written to" : "Removed"} ${shownPath(file)}${committed ? ", and committed" : ""}.`,
      );
}
