/** The deadline of commands that carry changes out: how long they go on while nothing but retries and waiting is left. */
import { positiveNumber, type EnvRecord } from "../../base/env.ts";

/** Milliseconds. Steps that are tried for the first time have deadlines of their own and do not count. */
export const patienceMs = (env: EnvRecord): number =>
  positiveNumber(env, "VM_AGENT_APPLY_TIMEOUT", 300) * 1000;

/** Before it is said what is waited for. Milliseconds. */
const QUIET_MS = 5000;

export interface Waiting {
  /** Agents at work for the first time since they were last done, or failed for none so far. */
  readonly fresh: boolean;
  /** Each agent that is waited for, and why. */
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

  /** To be called again and again. True: it has waited for as long as it may. */
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
