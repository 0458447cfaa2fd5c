/** What all controllers of one life did, call by call: the invariants that only a memory can tell. */
import type { Change, Desired } from "../../core/types.ts";
import { isRemedy, stemOf } from "./rules.ts";
import type { Call } from "./driver-options.ts";
import type { SimulatedMultipass } from "./simulated-multipass.ts";
import { type TaskMemory, runs } from "./simulated-tasks.ts";

const MINUTE = 60_000;
/** Before the second try of a remedy at least this long, then twice that, and so on up to the last. */
const FIRST_PAUSE = 2 * MINUTE;
const LAST_PAUSE = 60 * MINUTE;
/** A look is older than this only where the loop acts on what it did not see. */
const LOOK_MAX_AGE = 2 * MINUTE;
/** Calls that end what runs in a guest. */
const ENDING = ["stop", "suspend", "remove"];

export interface CallContext {
  readonly change: Change | null;
  /** When the change was begun. */
  readonly since: number;
  /** All fleets in force at some time since then. */
  readonly written: readonly Desired[];
  readonly isCurrent: boolean;
  /** When this controller last saw the world. */
  readonly sawAt: number;
  /** When this controller last read the snapshots. */
  readonly readSnapshotsAt: number;
  readonly drainedSince: number | undefined;
  readonly drainMs: number;
}

interface Tries {
  readonly count: number;
  readonly at: number;
}

export class Ledger {
  readonly #world: SimulatedMultipass;
  readonly #tasks: TaskMemory;
  /** agent and token → the instance that was restored, and its boots then. */
  readonly #restored = new Map<string, { readonly instance: unknown; readonly boot: number }>();
  readonly #tries = new Map<string, Tries>();
  readonly #counted = new WeakSet<Change>();
  /** Changes that were begun and calls that changed something, those of schedules apart. */
  work = 0;

  constructor(world: SimulatedMultipass, tasks: TaskMemory) {
    this.#world = world;
    this.#tasks = tasks;
  }

  /** On a person's request: the next remediation does not wait. */
  resetBackoff(names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...this.#tries.keys()]) this.#tries.delete(name);
  }

  /** Its runtime has answered: a new episode may have begun since. */
  heard(name: string): void {
    const tries = this.#tries.get(name);
    if (tries) this.#tries.set(name, { ...tries, count: 0 });
  }

  begun(change: Change): void {
    if (!change.snapshots.some((s) => s.of !== undefined) && change.action !== "prune") this.work++;
  }

  /** What is wrong about making this call now; null: nothing. */
  call(call: Call, context: CallContext): string | null {
    const { change, isCurrent, sawAt } = context;
    const now = this.#world.clock.now();
    if (!isCurrent) return "called by a controller whose time is over";
    if (now - sawAt > LOOK_MAX_AGE) return `called ${(now - sawAt) / 1000} s after the last look`;
    // An unclaimed instance is asked for its owner, and may be enrolled, outside of any change.
    if (!change) return call.kind === "exec" ? null : "called without a change that is being worked on";
    this.begun(change);
    if (call.kind === "remove" && change.action !== "destroy" && change.action !== "replace")
      return `removed by a change that only wants to ${change.action}`;
    if (call.kind === "restore" && change.action !== "restore")
      return `restored by a change that only wants to ${change.action}`;
    return isRemedy(change) ? this.#remedy(call, change, context) : this.#tasksOf(call, context);
  }

  /** What is wrong about this happening now; null: nothing. */
  effect({ kind, name, instance, detail, tag }: Call): string | null {
    if (!instance) return null;
    if (instance.maker !== "fleet") return "touched, and it is a stranger's";
    if (kind === "removeSnapshot") {
      const found = instance.snapshots.find((s) => s.name === detail);
      return found && found.maker !== "fleet" ? `removes ${detail}, which is a person's` : null;
    }
    if (kind !== "restore" || instance.state !== "Stopped") return null;
    const { since, token } = tag as { readonly since: number; readonly token: string };
    const key = `${name} ${token}`;
    const before = this.#restored.get(key);
    this.#restored.set(key, { instance, boot: instance.boot });
    if (before && (before.instance !== instance || before.boot !== instance.boot))
      return `restored twice for ${token}, and it ran in between`;
    const isKept = instance.snapshots.some((s) => s.disk === instance.disk);
    return isKept || instance.unsnapshotAt >= since ? null : "restored without a snapshot of what is lost";
  }

  /** An agent is cut off: its tasks are over for the hub. */
  revoke(name: string, context: CallContext): string | null {
    if (!context.change) return null;
    return isRemedy(context.change) ? this.#unfinished(name) : this.#undrained(name, context);
  }

  #tasksOf(call: Call, context: CallContext): string | null {
    const { kind, name } = call;
    if (kind === "removeSnapshot") return this.#tooFew(call, context);
    return ENDING.includes(kind) ? this.#undrained(name, context) : null;
  }

  /**
   * A scheduled snapshot is removed only while as many newer ones exist as are kept; snapshots dropped since they were
   * listed do not count.
   */
  #tooFew({ instance, name, detail = "" }: Call, { written, readSnapshotsAt }: CallContext): string | null {
    const stem = stemOf(detail);
    if (!instance || stem === null || instance.unsnapshotAt >= readSnapshotsAt) return null;
    const newer = instance.snapshots.filter(
      (s) => s.maker === "fleet" && stemOf(s.name) === stem && s.name > detail,
    );
    const allowed = written.map((d) => {
      const names = new Set(
        d.agents.flatMap((a) => (a.name === name || a.previousName === name ? a.name : [])),
      );
      const of = d.snapshots.find((s) => names.has(s.agent) && s.name === stem && s.schedule !== undefined);
      return of?.keep ?? 0;
    });
    const least = Math.min(...allowed);
    return newer.length >= least ? null : `${detail} removed with ${newer.length} newer ones of ${least}`;
  }

  #undrained(name: string, { drainedSince, drainMs }: CallContext): string | null {
    if (!this.#running(name).length) return null;
    if (drainedSince === undefined) return "ends a task without having drained it";
    const ms = this.#world.clock.now() - drainedSince;
    return ms < drainMs ? `ends a task after draining it for ${ms / 1000} s` : null;
  }

  #unfinished(name: string): string | null {
    const now = this.#world.clock.now();
    return this.#running(name).some((t) => t.until > now) ? "kills a task before its own timeout" : null;
  }

  #running(name: string) {
    return (this.#tasks.get(name) ?? []).filter((t) => runs(this.#world, t));
  }

  #remedy({ kind, name, detail }: Call, change: Change, { written, since }: CallContext): string | null {
    const rung =
      change.action === "replace" ? "replace" : kind === "exec" ? "restart-runtime" : "restart-instance";
    const ladders = written
      .flatMap((d) => d.agents)
      .filter((a) => a.name === name || a.previousName === name);
    if (!ladders.some((a) => a.health.remediate.includes(rung))) return `${rung} is not written`;
    if (ENDING.includes(kind) || detail === "restart-runtime") {
      const wrong = this.#unfinished(name);
      if (wrong) return wrong;
    }
    if (this.#counted.has(change)) return null;
    this.#counted.add(change);
    // From when it was begun: to look inside may take a while before the first call.
    const { count, at } = this.#tries.get(name) ?? { count: 0, at: Number.NEGATIVE_INFINITY };
    this.#tries.set(name, { count: count + 1, at: since });
    const pause = Math.min(LAST_PAUSE, FIRST_PAUSE * 2 ** Math.max(0, count - 1));
    return since - at < pause ? `remedied ${(since - at) / 1000} s after try ${count}, too soon` : null;
  }
}
