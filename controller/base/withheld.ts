/** Environment variables that programs which we start do not get, since everybody of the same user can read a process's environment. */

/** For commands that talk to a hub; nothing that they start needs it. */
const NEVER = ["VM_AGENT_TOKEN"];
/** A program cannot be found, or does not find its files, without them. */
const NEEDED = ["PATH", "HOME", "USER", "LANG", "TMPDIR"];

const secrets = new Set<string>();

/** A secret of an agent was read from this variable: Multipass, and what lives on from its calls, does without it from now on. */
export function withholdFromInstances(name: string): void {
  if (!NEEDED.includes(name)) secrets.add(name);
}

type Removed = Readonly<Record<string, undefined>>;

/** To be spread over the environment of any program. */
export function withheld(): Removed {
  return Object.fromEntries(NEVER.map((name) => [name, undefined]));
}

/** To be spread over the environment of Multipass. */
export function withheldFromInstances(): Removed {
  return Object.fromEntries([...NEVER, ...secrets].map((name) => [name, undefined]));
}
