/** Dependencies and input of the task engine. */
import type { Clock } from "../../base/clock.ts";
import type { Bus } from "../../base/events.ts";
import type { Store } from "../../store/store.ts";
import type { Agent } from "../runtimes/agent.ts";
import type { Payload } from "../runtimes/frames.ts";
import type { Limits } from "../limits.ts";
import type { Random } from "../random.ts";
import type { Registry } from "../runtimes/registry.ts";

export interface EngineDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly onStoreError: (error: unknown) => void;
  /** Time from a task's creation to its end, in milliseconds. */
  readonly onFinished: (type: string, state: string, durationMs: number) => void;
}

export interface Submission {
  readonly agent: Agent;
  readonly spec: Payload;
  readonly actor: string;
  readonly idempotencyKey: string | null;
  readonly bodyHash: string;
}
