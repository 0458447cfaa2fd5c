/** The deadline of commands that apply changes: how long they continue while only retries and waits are left. */
import { positiveNumber, type EnvRecord } from "../../base/env.ts";

/** Milliseconds. First attempts have their own deadlines and do not count. */
export const patienceMs = (env: EnvRecord): number =>
  positiveNumber(env, "VM_AGENT_APPLY_TIMEOUT", 300) * 1000;

/** Before a wait is shown. Milliseconds. */
const QUIET_MS = 5000;

export interface Waiting {
  /** Agents in flight for the first time since their last success, or without a failure so far. */
  readonly fresh: boolean;
  /** Each agent that is waited for, with the reason. */
  readonly open: ReadonlyMap<string, string>;
}

export class Patience {
  readonly #limit: number;
  readonly #say: (text: string) => void;
  #since: number | null = null;
  #said = "";

  constructor(limit: number, say: (text: string) => void) {
    this.#limit = limit;
    this.#say = say;
  }

  /** Called repeatedly. True: the deadline has passed. */
  isOver({ fresh, open }: Waiting, now: number): boolean {
    if (fresh || open.size === 0) {
      this.#since = null;
      return false;
    }
    this.#since ??= now;
    const names = [...open.keys()].sort().join(", ");
    if (now - this.#since >= QUIET_MS && names !== this.#said) {
      this.#said = names;
      const why = [...open].map(([name, reason]) => `${name} (${reason})`).join(", ");
      const end = new Date(this.#since + this.#limit).toTimeString().slice(0, 8);
      this.#say(`waiting for ${why}, until ${end} at the latest (VM_AGENT_APPLY_TIMEOUT)`);
    }
    return now - this.#since >= this.#limit;
  }
}
