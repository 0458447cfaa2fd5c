/** Dependencies of the resources; each of them provides the handlers of its operations. */
import type { Context } from "koa";
import type { Hub } from "../hub/hub.ts";
import type { Streams } from "./sse.ts";

/** The loop's port for HTTP; `cli/system` implements it. */
export interface ControllerPort {
  /** Desired and observed state and conditions of every agent. */
  fleet(): unknown;
  plan(): Promise<unknown>;
  /** Beyond the refresh: holds, diagnoses, and changes in flight. */
  known?(): Readonly<Record<string, unknown>>;
  /** Empty: all. Resolves when the current fleet files have been read. */
  reconcile(names: readonly string[]): Promise<void>;
  /** Applies held changes, because a person approved them. */
  apply?(request: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Claims an unowned instance that a document names, on a person's request. */
  import?(name: string): Promise<unknown>;
}

export interface RouteDeps {
  readonly hub: Hub;
  readonly controller: ControllerPort | null;
  readonly streams: Streams;
  /** The agent port, as shown to first-generation clients. */
  readonly agentUrl: () => string;
}

export type Handler = (
  ctx: Context & { readonly params: Readonly<Record<string, string>> },
) => void | Promise<void>;

/** By the id of the operation. */
export type Handlers = Readonly<Record<string, Handler>>;

export type MakeHandlers = (deps: RouteDeps) => Handlers;
