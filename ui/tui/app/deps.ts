/** Dependencies of the dashboard: the hub's API, the terminal, and commands beyond the hub's API. */
import type { Api } from "../../client/api.ts";

/** Edits of the fleet and the like; each resolves with what was done, in words, and rejects with why not. */
export interface Orders {
  /** Of several documents: all of them are written, or none. */
  state(agents: readonly string[], state: "running" | "stopped" | "suspended"): Promise<string>;
  paused(agents: readonly string[], paused: boolean): Promise<string>;
  snapshot(agents: readonly string[], snapshot: string): Promise<string>;
  restore(agent: string, snapshot: string): Promise<string>;
  destroy(agent: string): Promise<string>;
  /** With this terminal's own input and output; resolves with the exit code. */
  shell(agent: string): Promise<number>;
  /** The document as it is written; null: it cannot be read here. */
  document(agent: string): Promise<string | null>;
}

/** Calls the listener with each error, in words; gives what ends that. */
export type Faults = (listener: (words: string) => void) => () => void;

export interface DashboardDeps {
  readonly api: Api;
  readonly orders: Orders;
  /** The hub's address, for people. */
  readonly where: string;
  /** Lines under a short table: what a newcomer would do next. */
  readonly hints: readonly string[];
  /** `vm-agent up`: leaving stops the hub and the loop. */
  readonly own: boolean;
  readonly color: boolean;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  /** Aborted: the dashboard closes. */
  readonly signal: AbortSignal;
  /** Ctrl-C, and `q` once it is confirmed where it has to be: `leave` closes the dashboard. */
  readonly onQuit: (leave: () => void) => void;
  /** Errors of the process that draws, which would otherwise only be in a file; absent: nothing but the dashboard runs in it. */
  readonly faults?: Faults;
  /** Sentences instead of a picture. */
  readonly screenReader: boolean;
}
