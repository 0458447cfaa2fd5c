/** Checks across documents: duplicate names, unknown references, cycles, user data. */
import { didYouMean, type Problem } from "../../schemas/explain.ts";
import type { SnapshotDocument } from "../../schemas/types.ts";
import { goalOf } from "../core/dependencies.ts";
import { instanceNames, type PreparedAgent, type PreparedProfile, type Resolution } from "../core/desired.ts";
import { snapshotTargets } from "../core/desired-snapshots.ts";
import { findCycles } from "./cycles.ts";
import type { EntryDocument } from "./resolve.ts";
import { userDataErrors } from "./user-data.ts";

export interface CrossProblem {
  readonly document: EntryDocument;
  readonly problem: Problem;
  readonly severity: "error" | "warning";
}

export interface CheckInput {
  /** In file and document order. */
  readonly documents: readonly EntryDocument[];
  readonly resolution: Resolution;
  /** False: a file could not be read, so an unknown name may be in it. */
  readonly complete: boolean;
  /** `file:line:column` of a field, to name the other place. */
  readonly place: (document: EntryDocument, pointer: string) => string;
}

interface State extends CheckInput {
  readonly problems: CrossProblem[];
  readonly agents: Map<string, EntryDocument>;
  readonly profiles: Map<string, EntryDocument>;
  /** Name of a replica to the document that declares it. */
  readonly replicas: Map<string, EntryDocument>;
}

export function checkFleet(input: CheckInput): readonly CrossProblem[] {
  const state: State = {
    ...input,
    problems: [],
    agents: new Map(),
    profiles: new Map(),
    replicas: new Map(),
  };
  checkNames(state);
  checkReplicas(state);
  const previous = new Map<string, EntryDocument>();
  const edges = new Map<string, readonly string[]>();
  for (const document of state.documents) {
    if ((document.kind === "Profile" || document.kind === "Agent") && document.value !== null)
      warnOfEnv(state, document, document.value as PreparedProfile);
    if (document.kind === "Profile" && document.value !== null) {
      checkDependencies(state, document, (document.value as PreparedProfile).dependsOn ?? []);
    }
    if (document.kind !== "Agent" || document.value === null) continue;
    const agent = document.value as PreparedAgent;
    checkAgent(state, document, agent, previous);
    const dependsOn = agent.dependsOn ?? profileOf(state, agent)?.dependsOn ?? [];
    if (dependsOn.length > 0 && state.agents.get(agent.name) === document) {
      edges.set(
        agent.name,
        dependsOn.map((name) => ownerOf(state, name)?.name ?? name),
      );
    }
  }
  checkCycles(state, edges);
  checkSnapshots(state);
  const found = userDataErrors({
    agents: state.resolution.desired.agents,
    agentOf: (name) => state.agents.get(name),
    profileOf: (agent) => state.profiles.get(agent.profile ?? ""),
  });
  for (const { document, problem } of found) state.problems.push({ document, problem, severity: "error" });
  return state.problems;
}

function report(
  state: State,
  document: EntryDocument,
  pointer: string,
  words: {
    message: string;
    found?: string;
    suggestion?: string | null;
    severity?: "warning";
    at?: Problem["at"];
  },
): void {
  const { message, found = null, suggestion = null, severity = "error", at = "value" } = words;
  state.problems.push({
    document,
    severity,
    problem: { pointer, message, found, allowed: null, suggestion, at },
  });
}

function checkNames(state: State): void {
  let fleet: EntryDocument | null = null;
  for (const document of state.documents) {
    if (document.kind === "Fleet") {
      if (fleet === null) fleet = document;
      else {
        const message = `declares a second Fleet; the first one is at ${state.place(fleet, "/kind")}, and there is at most one`;
        report(state, document, "/kind", { message });
      }
      continue;
    }
    const { name, kind } = document;
    if (name === undefined || (kind !== "Agent" && kind !== "Profile")) continue;
    const names = kind === "Agent" ? state.agents : state.profiles;
    const first = names.get(name);
    if (first === undefined) names.set(name, document);
    else {
      const message = `is "${name}", and so is the ${kind} at ${state.place(first, "/name")}; names are unique`;
      report(state, document, "/name", { message, found: `"${name}"` });
    }
  }
}

/** The document that declares an instance of this name, or the agent whose replicas have it as their stem. */
function ownerOf(state: State, name: string): EntryDocument | undefined {
  return state.agents.get(name) ?? state.replicas.get(name);
}

function isReplicated(document: EntryDocument | undefined): boolean {
  return ((document?.value as PreparedAgent | null | undefined)?.replicas ?? 1) > 1;
}

function checkReplicas(state: State): void {
  for (const document of state.agents.values()) {
    const agent = document.value as PreparedAgent | null;
    if (agent?.replicas === undefined || agent.replicas === 1) continue;
    let reported = false;
    for (const name of instanceNames(agent.name, agent.replicas)) {
      const namesake = state.agents.get(name);
      const other = state.replicas.get(name) ?? (isReplicated(namesake) ? undefined : namesake);
      if (other === undefined) state.replicas.set(name, document);
      if (reported) continue;
      if (other !== undefined) {
        reported = true;
        const message = `is ${agent.replicas}, which makes an instance "${name}"; that name is taken at ${state.place(other, "/name")}`;
        report(state, document, "/replicas", { message, found: `${agent.replicas}` });
      } else if (name.length > 63) {
        reported = true;
        const message = `is ${agent.replicas}, which makes an instance "${name}"; a name has at most 63 characters`;
        report(state, document, "/replicas", { message, found: `${agent.replicas}` });
      }
    }
  }
}

function profileOf(state: State, agent: PreparedAgent): PreparedProfile | undefined {
  if (agent.profile === undefined) return undefined;
  return (state.profiles.get(agent.profile)?.value as PreparedProfile | null | undefined) ?? undefined;
}

function checkAgent(
  state: State,
  document: EntryDocument,
  agent: PreparedAgent,
  previous: Map<string, EntryDocument>,
): void {
  if (agent.profile !== undefined && state.complete && !state.profiles.has(agent.profile)) {
    const suggestion = didYouMean(agent.profile, state.profiles.keys());
    report(state, document, "/profile", {
      message: `is "${agent.profile}"; no Profile has that name`,
      found: `"${agent.profile}"`,
      suggestion,
    });
  }
  checkDependencies(state, document, agent.dependsOn ?? []);
  warnOfStopped(state, document, agent);
  warnOfRestore(state, document, agent);
  if (agent.previousName !== undefined)
    checkPreviousName(state, document, agent, agent.previousName, previous);
}

function checkPreviousName(
  state: State,
  document: EntryDocument,
  agent: PreparedAgent,
  name: string,
  previous: Map<string, EntryDocument>,
): void {
  const found = `"${name}"`;
  const owner = ownerOf(state, name);
  const first = previous.get(name);
  if ((agent.replicas ?? 1) > 1) {
    report(state, document, "/previousName", {
      message: `is "${name}", but one instance cannot become ${agent.replicas} replicas`,
      found,
    });
  } else if (owner !== undefined) {
    const message = `is "${name}", and an agent of that name is still declared at ${state.place(owner, "/name")}`;
    report(state, document, "/previousName", { message, found });
  } else if (first !== undefined) {
    const message = `is "${name}", and so is that of the agent at ${state.place(first, "/previousName")}`;
    report(state, document, "/previousName", { message, found });
  } else previous.set(name, document);
}

function isKnown(state: State, name: string): boolean {
  return ownerOf(state, name) !== undefined;
}

function checkDependencies(state: State, document: EntryDocument, dependsOn: readonly string[]): void {
  if (!state.complete) return;
  for (const [index, name] of dependsOn.entries()) {
    if (isKnown(state, name)) continue;
    const suggestion = didYouMean(name, state.agents.keys());
    report(state, document, `/dependsOn/${index}`, {
      message: `is "${name}"; no Agent has that name`,
      found: `"${name}"`,
      suggestion,
    });
  }
}

/** Variables that decide which programs and libraries run, or what they run first. */
const STEERING: ReadonlySet<string> = new Set([
  "PATH",
  "IFS",
  "ENV",
  "BASH_ENV",
  "SHELLOPTS",
  "LD_PRELOAD",
  "LD_LIBRARY_PATH",
  "LD_AUDIT",
  "NODE_OPTIONS",
  "NODE_PATH",
  "PYTHONPATH",
  "PYTHONSTARTUP",
  "PERL5OPT",
  "RUBYOPT",
  "GIT_SSH_COMMAND",
]);

function warnOfEnv(state: State, document: EntryDocument, { env, secrets }: PreparedProfile): void {
  for (const [field, names] of Object.entries({ env, secrets }))
    for (const name of Object.keys(names ?? {}))
      if (STEERING.has(name))
        report(state, document, `/${field}/${name}`, {
          message:
            "decides which programs every task of this agent runs; set it in the commands that need it",
          severity: "warning",
          at: "key",
        });
}

function warnOfStopped(state: State, document: EntryDocument, agent: PreparedAgent): void {
  const profile = profileOf(state, agent);
  if ((agent.state ?? profile?.state ?? "running") !== "running") return;
  for (const [index, name] of (agent.dependsOn ?? []).entries()) {
    const other = ownerOf(state, name)?.value as PreparedAgent | null | undefined;
    if (!other) continue;
    const power = other.state ?? profileOf(state, other)?.state ?? "running";
    if (power === "running") continue;
    const message = `is "${name}", which is to be ${power}; this agent is started once it is ${goalOf(power)}, not Ready`;
    report(state, document, `/dependsOn/${index}`, { message, found: `"${name}"`, severity: "warning" });
  }
}

function warnOfRestore(state: State, document: EntryDocument, agent: PreparedAgent): void {
  const restore = agent.restore;
  if (restore === undefined || !state.complete) return;
  const instances = new Set(state.resolution.instances.get(agent.name) ?? [agent.name]);
  const declared = state.resolution.desired.snapshots.filter((snapshot) => instances.has(snapshot.agent));
  const isDeclared = declared.some(
    ({ name, schedule }) =>
      name === restore.snapshot || (schedule !== undefined && restore.snapshot.startsWith(`${name}-`)),
  );
  if (isDeclared) return;
  const message = `is "${restore.snapshot}"; no Snapshot of that name is declared for this agent, so it must exist already`;
  const suggestion = didYouMean(
    restore.snapshot,
    declared.map(({ name }) => name),
  );
  report(state, document, "/restore/snapshot", {
    message,
    found: `"${restore.snapshot}"`,
    suggestion,
    severity: "warning",
  });
}

function checkCycles(state: State, edges: ReadonlyMap<string, readonly string[]>): void {
  for (const cycle of findCycles(edges)) {
    const document = state.agents.get(cycle[0] ?? "");
    if (document === undefined) continue;
    const own = (document.value as PreparedAgent | null)?.dependsOn;
    const message = `is a cycle: ${[...cycle, cycle[0]].join(" → ")}`;
    report(state, document, own === undefined ? "/profile" : "/dependsOn", { message, at: "key" });
  }
}

function checkSnapshots(state: State): void {
  const taken = new Map<string, EntryDocument>();
  for (const document of state.documents) {
    if (document.kind !== "Snapshot" || document.value === null) continue;
    const snapshot = document.value as SnapshotDocument;
    if (snapshot.agent !== undefined && !isKnown(state, snapshot.agent)) {
      if (!state.complete) continue;
      const suggestion = didYouMean(snapshot.agent, state.agents.keys());
      report(state, document, "/agent", {
        message: `is "${snapshot.agent}"; no Agent has that name`,
        found: `"${snapshot.agent}"`,
        suggestion,
      });
      continue;
    }
    const targets = snapshotTargets(snapshot, state.resolution.desired.agents, state.resolution.instances);
    if (targets.length === 0 && snapshot.selector !== undefined && state.complete) {
      report(state, document, "/selector", { message: "matches no agent", severity: "warning" });
    }
    for (const target of targets) {
      const first = taken.get(`${target}.${snapshot.name}`);
      if (first === undefined) {
        taken.set(`${target}.${snapshot.name}`, document);
        continue;
      }
      const message = `is "${snapshot.name}"; the Snapshot at ${state.place(first, "/name")} gives "${target}" one of that name`;
      report(state, document, "/name", { message, found: `"${snapshot.name}"` });
      break;
    }
  }
}
