/** What the resources need; each of them gives the handlers of its operations. */
import type { Context } from "koa";
import type { Hub } from "../hub/hub.ts";
import type { Streams } from "./sse.ts";

/** What the loop offers to HTTP; `cli/up-run.ts` wires it. */
export interface ControllerPort {
  /** Desired, observed, conditions of every agent. */
  fleet(): unknown;
  plan(): Promise<unknown>;
  /** What no look at the instances shows: what is held beside it, what is known of names, and what is in flight. */
  known?(): Readonly<Record<string, unknown>>;
  /** Empty: all. Resolves when the fleet files as they are now have been read. */
  reconcile(names: readonly string[]): Promise<void>;
  /** Applies what the loop would hold, because a person saw it and said yes. */
  apply?(request: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Claims a foreign instance that a document names, because a person asked for it. */
  import?(name: string): Promise<unknown>;
}

export interface RouteDeps {
  readonly hub: Hub;
  readonly controller: ControllerPort | null;
  readonly streams: Streams;
  /** The agent port as first-generation clients are told to reach it. */
  readonly agentUrl: () => string;
}

export type Handler = (
  ctx: Context & { readonly params: Readonly<Record<string, string>> },
) => void | Promise<void>;

/** By the id of the operation. */
export type Handlers = Readonly<Record<string, Handler>>;

export type MakeHandlers = (deps: RouteDeps) => Handlers;
