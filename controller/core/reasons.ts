/** Why a change is planned, what it costs, and what goes with it: sentences for people. */
import type { Cell } from "./actions.ts";
import type { AgentCase } from "./diff/agent-case.ts";
import { HOW, type Field } from "./diff/fields.ts";
import { keptNote } from "./renames.ts";
import type { Action, Cause, DesiredAgent, Inside, Restore } from "./types.ts";

/** `stops`: the instance is stopped on the way, so no field is described as changed without a restart. */
export function reasons(
  c: AgentCase,
  cell: Cell,
  fields: readonly Field[],
  cause: Cause,
  stops = false,
): readonly string[] {
  const lines: string[] = [];
  if (cause === "drift") {
    const what = [
      ...(cell === "none" ? [] : [`it is ${c.is}`]),
      ...fields.map((f) => `${f} ${f === "mounts" ? "differ" : "differs"}`),
    ].join(", ");
    lines.push(`drift: ${what}, and the fleet was not edited`);
  } else if (cause === "edited" && (fields.length > 0 || cell !== "none"))
    lines.push(`${at(c.agent)} was edited`);
  else if (cause === "interrupted")
    lines.push(
      c.claim?.converged
        ? "its provisioning was run again and cut off"
        : "not yet converged since it was created",
    );
  for (const field of fields)
    lines.push(field === "provision" && c.agent.provision.onChange === "rerun" ? RERUN : HOW[field].why);
  if (stops) return [...new Set(lines.map((line) => line.replace(", no restart", "")))];
  return [...new Set(lines)];
}

const RERUN =
  "packages, files and run are run again inside, no restart; cloudInit is for the first boot only";

export function consequences(c: AgentCase, action: Action, restore?: Restore): readonly string[] {
  const running = c.runtime?.runningTasks ?? 0;
  const interrupts =
    action === "restart-update" ||
    action === "stop" ||
    action === "suspend" ||
    action === "replace" ||
    action === "restore" ||
    action === "prune" ||
    action === "snapshot";
  const lines: string[] = [];
  const stops = action === "snapshot" || action === "prune" || action === "restore";
  if (action === "restart-update" || (stops && c.is === "Running")) lines.push("stops for about a minute");
  if (interrupts && running > 0)
    lines.push(`${running} running task${running === 1 ? " is" : "s are"} waited for (at most 10 min)`);
  if (action === "replace") lines.push("the disk and all snapshots are lost");
  if (restore) {
    lines.push(`data written to its disk since snapshot "${restore.snapshot}" is lost`);
    lines.push(`snapshot "${restore.safety}" is taken first, and holds it`);
  }
  return lines;
}

/** The provisioning of a new instance; empty where there is none. */
export function insideOf({ provision, env, secrets }: DesiredAgent): { readonly inside?: Inside } {
  const lists = {
    packages: provision.packages,
    files: provision.files.map((f) => f.path),
    run: provision.run,
    env: Object.keys(env),
    secrets: Object.keys(secrets),
  };
  const inside: Inside = {
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    ...(provision.cloudInit !== undefined && { cloudInit: true as const }),
  };
  return Object.keys(inside).length > 0 ? { inside } : {};
}

/** Declared snapshots of a new instance follow by themselves, and stop it. */
export function laterSnapshots({ agent, snapshots }: AgentCase): readonly string[] {
  if (agent.state === "suspended") return [];
  const names = snapshots.filter((s) => s.schedule === undefined).map((s) => `"${s.name}"`);
  if (names.length === 0) return [];
  const [what, are] = names.length > 1 ? ["snapshots", "are"] : ["snapshot", "is"];
  const when =
    agent.state === "running" ? "once it is Ready, and stops it for about a minute" : "once it is stopped";
  return [`${what} ${names.join(", ")} ${are} taken ${when}`];
}

type Remarks = readonly { readonly agent: string; readonly message: string }[];
const NONE: Remarks = [];

/** Remarks that every refresh of an existing agent carries. */
export function remarks({ agent }: AgentCase): Remarks {
  const message = keptNote(agent);
  return message === null ? NONE : [{ agent: agent.name, message }];
}

export const restoreReason = (agent: DesiredAgent, { snapshot, token }: Restore, begun: boolean): string =>
  begun
    ? `its restore of "${snapshot}" was begun and interrupted, and it is stopped since`
    : `${at(agent)} has a new restore.token "${token}": back to snapshot "${snapshot}"`;

export const at = (agent: DesiredAgent): string => `${agent.source.file}:${agent.source.line}`;
