// Where the sandbox keeps its state.
import { homedir } from "node:os";
import { extname, join } from "node:path";

export const STATE_DIR_VARIABLE = "VM_AGENT_SANDBOX_DIR";

/** The folder below which everything lies. */
export function stateDir(): string {
  return process.env[STATE_DIR_VARIABLE] || join(homedir(), ".local", "share", "vm-agent-sandbox");
}

export const inState = (...parts: readonly string[]): string => join(stateDir(), ...parts);

export const instancesDir = (): string => inState("instances");

/** Everything of one instance: `state.json`, `boot.json`, `root/`, `snapshots/`, `execs/`. */
export const instanceDir = (name: string): string => inState("instances", name);

/** The guest's `/`. */
export const guestRoot = (name: string): string => join(instanceDir(name), "root");

/** A snapshot's copy of the guest's `/`. */
export const snapshotDir = (name: string, snapshot: string): string =>
  join(instanceDir(name), "snapshots", snapshot);

/** The file of a sibling program, whether this one runs bundled, compiled or straight from its source. */
export function program(directory: string, name: string): string {
  return join(directory, `${name}${extname(import.meta.filename)}`);
}
