/**
 * Environment variables withheld from child processes, since every process of the same user can read another's
 * environment.
 */

/** For commands that talk to a hub; no child needs it. */
const NEVER = ["VM_AGENT_TOKEN"];
/** Programs need these to be found and to find their files. */
const NEEDED = ["PATH", "HOME", "USER", "LANG", "TMPDIR"];

const secrets = new Set<string>();

/**
 * A secret of an agent was read from this variable: Multipass and its long-lived children do not get it from now on.
 */
export function withholdFromInstances(name: string): void {
  if (!NEEDED.includes(name)) secrets.add(name);
}

type Removed = Readonly<Record<string, undefined>>;

/** To be spread into the environment of any program. */
export function scrubbedEnv(): Removed {
  return Object.fromEntries(NEVER.map((name) => [name, undefined]));
}

/** To be spread into the environment of Multipass. */
export function withoutHostSecrets(): Removed {
  return Object.fromEntries([...NEVER, ...secrets].map((name) => [name, undefined]));
}
