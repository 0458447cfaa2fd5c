/** What a person has said yes to: each yes is for one action on one agent, carried out once, and void when that is not to be done any more. */
import type { Action, Change, Held, HoldReason } from "../core/types.ts";
import type { Turn } from "./reconcile.ts";

/** What the plan's guards hold only for want of a yes; nothing else of theirs is released by one. */
const RELEASED: readonly HoldReason[] = ["prune-off", "data-loss"];

export class Approvals {
  readonly #actions = new Map<string, Action>();
  readonly #allowDelete = new Set<string>();
  #given = 0;

  /** How often somebody said yes so far. */
  get given(): number {
    return this.#given;
  }

  give(
    changes: readonly { readonly agent: string; readonly action: Action }[],
    allowDelete: readonly string[],
  ): void {
    this.#given++;
    for (const { agent, action } of changes) this.#actions.set(agent, action);
    for (const name of allowDelete) this.#allowDelete.add(name);
  }

  /** Names that a person named for deletion. */
  get allowDelete(): readonly string[] {
    return [...this.#allowDelete];
  }

  isNamed(agent: string): boolean {
    return this.#allowDelete.has(agent);
  }

  /** Somebody said yes to this very action on this agent. */
  covers({ would, agent }: Held): boolean {
    return would !== null && this.#actions.get(agent) === would.action;
  }

  releases(held: Held): Change | null {
    return RELEASED.includes(held.reason) && this.covers(held) ? held.would : null;
  }

  /** This very change was approved. */
  has({ agent, action }: Pick<Change, "agent" | "action">): boolean {
    return this.#actions.get(agent) === action;
  }

  /** The change was given up; an approval of another action on the agent stays. */
  withdraw(change: Pick<Change, "agent" | "action">): void {
    if (this.has(change)) this.done(change.agent);
  }

  done(agent: string): void {
    this.#actions.delete(agent);
    this.#allowDelete.delete(agent);
  }

  /** Drops every yes to what is not to be done any more: a later wish for the same is another matter. `isBusy`: in flight. */
  expire({ observed, plan }: Turn, isBusy: (agent: string) => boolean): void {
    if (observed.instances.kind === "unobservable") return;
    const open = new Map<string, Action | null>();
    for (const change of plan.changes) open.set(change.agent, change.action);
    // Nothing is decided about what is on its way: its yes stays.
    for (const held of plan.held) if (!open.get(held.agent)) open.set(held.agent, held.would?.action ?? null);
    const isOver = (agent: string, wanted: (action: Action) => boolean) => {
      if (isBusy(agent)) return false;
      const action = open.get(agent);
      return action === undefined || (action !== null && !wanted(action));
    };
    for (const [agent, action] of this.#actions)
      if (isOver(agent, (a) => a === action)) this.#actions.delete(agent);
    for (const agent of this.#allowDelete)
      if (isOver(agent, (a) => a === "destroy" || a === "replace" || a === "restore"))
        this.#allowDelete.delete(agent);
  }
}
