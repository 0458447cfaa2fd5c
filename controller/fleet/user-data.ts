/** Validates the user data of every agent at its document, so that errors show before a launch. */
import type { Problem } from "../../schemas/explain.ts";
import { type UserDataProblem, userDataProblems } from "../../provisioning/cloud-init/render.ts";
import type { PreparedAgent, PreparedProfile } from "../core/desired.ts";
import type { DesiredAgent, Provision } from "../core/types.ts";
import type { EntryDocument } from "./resolve.ts";

export interface UserDataInput {
  readonly agents: readonly DesiredAgent[];
  /** The documents by name. */
  readonly agentOf: (name: string) => EntryDocument | undefined;
  readonly profileOf: (agent: PreparedAgent) => EntryDocument | undefined;
}

/** Unchanged agents are skipped; they resolve to the same object. */
const known = new WeakMap<Provision, readonly UserDataProblem[]>();

/** A problem of a profile is reported once, however many agents use it. */
export function* userDataErrors({
  agents,
  agentOf,
  profileOf,
}: UserDataInput): Generator<{ readonly document: EntryDocument; readonly problem: Problem }> {
  const reported = new Set<string>();
  for (const agent of agents) {
    const { provision, tasks } = agent;
    const problems = known.get(provision) ?? userDataProblems({ provision, tasks });
    known.set(provision, problems);
    if (problems.length === 0) continue;
    const own = agentOf(agent.document);
    if (own?.value == null) continue;
    const profile = profileOf(own.value as PreparedAgent);
    for (const { field, message, next } of problems) {
      const document = writes(own, field) || profile === undefined ? own : profile;
      const pointer = `/provision${field}`;
      const key = `${document.file}\n${document.index}\n${pointer}\n${message}`;
      if (reported.has(key)) continue;
      reported.add(key);
      const problem = {
        pointer,
        message,
        found: null,
        allowed: null,
        suggestion: next,
        at: "value",
      } as const;
      yield { document, problem };
    }
  }
}

/** Lists and files are taken whole, from the document or from its profile. */
function writes({ value }: EntryDocument, field: string): boolean {
  const { provision } = value as PreparedAgent | PreparedProfile;
  const [, key] = field.split("/");
  return provision !== undefined && (key === undefined || Object.hasOwn(provision, key));
}
