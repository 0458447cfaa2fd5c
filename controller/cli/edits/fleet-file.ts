/** An agent's document in its file, and edits of it. */
import { join } from "node:path";
import { type Settings, trustOf } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import type { Desired, DesiredAgent } from "../../core/types.ts";
import { reportErrors } from "../../fleet/report.ts";
import { loadFleet } from "../../fleet/source.ts";
import { withCliErrors } from "../cli-errors.ts";
import type { DocumentKey } from "../../fleet/edit/edit-yaml.ts";
import { findHub } from "../system/home.ts";
import { unknownAgent } from "../names.ts";
import { type Output, shownPath } from "../output/output.ts";

/** Format of fleet errors. */
export type Look = Pick<Output, "color" | "width">;

export interface AgentDocument {
  /** For several replicas, any. */
  readonly agent: DesiredAgent;
  readonly key: DocumentKey;
  readonly path: string;
  readonly settings: Desired["settings"];
}

/** The folder on disk, committed or not: that is what a person edits. */
export async function readFolder(settings: Settings, output: Look): Promise<Desired> {
  const read = await loadFleet(settings.fleet, trustOf(settings));
  if (read.ok) return read.desired;
  const { color, width } = output;
  throw new VmAgentError({
    code: "fleet-invalid",
    message: reportErrors(read.errors, { color, width, folder: shownPath(settings.fleet) }),
    next: "mend the files first; no file was changed",
    exit: EXIT.invalidFleet,
  });
}

/** Throws for an undeclared name, and for a replica: an edit of its document would change all of them. */
export async function findDocument(
  settings: Settings,
  output: Look,
  name: string,
  verb: string,
): Promise<AgentDocument> {
  const desired = await readFolder(settings, output);
  const agent =
    desired.agents.find((a) => a.document === name) ?? desired.agents.find((a) => a.name === name);
  if (!agent)
    throw unknownAgent(
      name,
      desired.agents.flatMap((a) => [a.name, a.document]),
    );
  const { document } = agent;
  if (document !== name) {
    const all = desired.agents.filter((a) => a.document === document).map((a) => a.name);
    throw new VmAgentError({
      code: "is-replica",
      message: `"${name}" is one of the ${all.length} replicas of "${document}" (${shownPath(join(settings.fleet, agent.source.file))}:${agent.source.line}), which share one document`,
      next: `vm-agent ${verb} ${document} does it for ${all.join(", ")}`,
    });
  }
  return {
    agent,
    key: { kind: "Agent", name: document },
    path: join(settings.fleet, agent.source.file),
    settings: desired.settings,
  };
}

/** Makes the running loop read an edit now, instead of waiting for its watcher; reports when the edit is in force. */
export async function readByLoop(settings: Settings, desired: Desired["settings"]): Promise<string> {
  if (desired.git.follow) return "The fleet follows git (git.follow): this counts once it is committed.";
  const hub = await findHub(settings);
  if (hub) {
    await withCliErrors(() => hub.api.reconcile([], true));
    return "The running loop has read it.";
  }
  return "No loop runs; the next vm-agent up or vm-agent apply heeds it.";
}
