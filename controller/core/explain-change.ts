/** Why a change is wanted, what it costs, and what is written but not acted on: sentences for people. */
import type { Cell } from "./actions.ts";
import type { AgentCase } from "./diff-agent.ts";
import { HOW, type Field } from "./drift.ts";
import type { Action, Cause, DesiredAgent, DesiredSnapshot } from "./types.ts";

export function reasons(c: AgentCase, cell: Cell, fields: readonly Field[], cause: Cause): readonly string[] {
  const lines: string[] = [];
  if (cause === "drift") {
    const what = [...(cell === "none" ? [] : [`it is ${c.is}`]), ...fields.map((f) => `${f} differs`)].join(
      ", ",
    );
    lines.push(`drift: ${what}, and nobody edited the fleet`);
  } else if (cause === "edited" && (fields.length > 0 || cell !== "none"))
    lines.push(`${at(c.agent)} was edited`);
  else if (cause === "interrupted") lines.push("not yet converged since it was created");
  for (const field of fields) lines.push(HOW[field].why);
  return [...new Set(lines)];
}

export function consequences(c: AgentCase, action: Action): readonly string[] {
  const running = c.runtime?.runningTasks ?? 0;
  const interrupts =
    action === "restart-update" ||
    action === "stop" ||
    action === "suspend" ||
    action === "replace" ||
    action === "snapshot";
  const lines: string[] = [];
  if (action === "restart-update" || (action === "snapshot" && c.is === "Running"))
    lines.push("stops for about a minute");
  if (interrupts && running > 0)
    lines.push(`${running} running task${running === 1 ? " is" : "s are"} waited for (at most 10 min)`);
  if (action === "replace") lines.push("the disk and all snapshots are lost");
  return lines;
}

export function notSupported(
  agent: DesiredAgent,
  snapshots: readonly DesiredSnapshot[],
): readonly { readonly agent: string; readonly message: string }[] {
  const note = (what: string) => ({
    agent: agent.name,
    message: `not supported yet, so checked and ignored: ${what}`,
  });
  return [
    ...(agent.mounts.length > 0 ? [note("mounts")] : []),
    ...(agent.restore ? [note("restore")] : []),
    ...(agent.previousName ? [note("previousName")] : []),
    ...snapshots.filter((s) => s.schedule !== undefined).map((s) => note(`schedule of snapshot "${s.name}"`)),
  ];
}

export const at = (agent: DesiredAgent): string => `${agent.source.file}:${agent.source.line}`;
