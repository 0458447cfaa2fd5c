/** Dependencies between agents: the one rule for when an agent waits, and its wording. Pure. */
import { hasNoRuntime, proves } from "./ownership.ts";
import { provisionFailure } from "./provisioning.ts";
import type { Claim, Desired, DesiredAgent, ObservedInstance, PowerState, RuntimeReading } from "./types.ts";

/** The state that a dependency must reach before its dependents are created or started, by its desired state. */
const GOALS: Readonly<Record<PowerState, string>> = {
  running: "Ready",
  stopped: "Stopped",
  suspended: "Suspended",
};

/** Names of the agents that satisfy their dependents. Ready: Running, provisioned, its own runtime online. */
export function satisfied(
  desired: Desired,
  instances: ReadonlyMap<string, ObservedInstance>,
  claims: ReadonlyMap<string, Claim>,
  runtimes: ReadonlyMap<string, RuntimeReading>,
): ReadonlySet<string> {
  const isReady = (name: string, claim: Claim): boolean => {
    const runtime = runtimes.get(name);
    const answers = hasNoRuntime(claim, runtime) || (runtime?.status === "online" && proves(claim, runtime));
    return answers && !runtime?.provisioning && provisionFailure(runtime) === null;
  };
  const names = desired.agents.flatMap(({ name, state }) => {
    const claim = claims.get(name);
    const seen = instances.get(name)?.state;
    if (!claim || seen === undefined) return [];
    if (state === "running") return seen === "Running" && isReady(name, claim) ? name : [];
    return seen === GOALS[state] ? name : [];
  });
  return new Set(names);
}

/** `a and b are Ready and c is Stopped`, with the command that resumes a paused one. */
export function waitText(waitsFor: readonly Pick<DesiredAgent, "name" | "state" | "paused">[]): string {
  const groups = [...Map.groupBy(waitsFor, ({ state }) => GOALS[state])].map(([goal, agents]) => {
    const names = agents.map(({ name }) => name);
    return `${conjoin(names)} ${names.length > 1 ? "are" : "is"} ${goal}`;
  });
  const paused = waitsFor.flatMap(({ name, paused }) =>
    paused ? `; ${name} is paused: vm-agent resume ${name}` : [],
  );
  return conjoin(groups) + paused.join("");
}

export const conjoin = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

/** For the check of a fleet file: a dependency that is not meant to run never becomes Ready. */
export const goalOf = (state: PowerState): string => GOALS[state];
