/**
 * A person's approvals: each is for one action on one agent, as its document and its instance are, carried out once, and void when
 * it is not to be done any more. They are in the store, so that they outlive the process that they were given to.
 */
import { createHash } from "node:crypto";
import type { Action, Change, Claim, Desired, Held, HoldReason, Turn } from "../core/types.ts";
import { withKeptInstances } from "../core/renames.ts";
import type { Store } from "../store/store.ts";
import { APPROVALS_KEY } from "../store/keys.ts";

/** What the plan's guards hold only for want of an approval; nothing else of theirs is released by one. */
const RELEASED: readonly HoldReason[] = ["prune-off", "data-loss"];

interface Approval {
  readonly action: Action | null;
  /** A person named it for deletion. */
  readonly named: boolean;
  /** Its document and its instance, as they were when it was approved. */
  readonly subject: string;
}

/** Changes when the document of this instance (its pause apart), or the instance itself, is another one. */
export function subjectOf(name: string, desired: Desired | null, claims: readonly Claim[]): string {
  const agent = desired && withKeptInstances(desired, claims).agents.find((a) => a.name === name);
  const claim = claims.find((c) => c.name === name);
  const text = JSON.stringify([
    claim?.nonce ?? null,
    agent ? { ...agent, source: null, paused: null } : null,
  ]);
  return createHash("sha256").update(text).digest("hex");
}

export class Approvals {
  readonly #kv: Store["kv"];
  readonly #all: Map<string, Approval>;
  #given = 0;
  #saved: Promise<void> = Promise.resolve();

  constructor(kv: Store["kv"]) {
    this.#kv = kv;
    this.#all = new Map(
      Object.entries((kv.get(APPROVALS_KEY) as Record<string, Approval> | undefined) ?? {}),
    );
  }

  /** How often something was approved so far. */
  get given(): number {
    return this.#given;
  }

  /** Resolves when it is on disk; it counts at once. */
  give(
    changes: readonly { readonly agent: string; readonly action: Action }[],
    allowDelete: readonly string[],
    subject: (agent: string) => string,
  ): Promise<void> {
    this.#given++;
    const put = (agent: string, part: Partial<Approval>) => {
      const before = this.#all.get(agent) ?? { action: null, named: false };
      this.#all.set(agent, { ...before, ...part, subject: subject(agent) });
    };
    for (const { agent, action } of changes) put(agent, { action });
    for (const agent of allowDelete) put(agent, { named: true });
    return this.#save();
  }

  /** Names that a person named for deletion. */
  get allowDelete(): readonly string[] {
    return [...this.#all].flatMap(([agent, { named }]) => (named ? agent : []));
  }

  isNamed(agent: string): boolean {
    return this.#all.get(agent)?.named ?? false;
  }

  /** This very action on this agent was approved. */
  covers({ would, agent }: Held): boolean {
    return would !== null && this.has({ agent, action: would.action });
  }

  releases(held: Held): Change | null {
    return RELEASED.includes(held.reason) && this.covers(held) ? held.would : null;
  }

  /** This very change was approved. */
  has({ agent, action }: Pick<Change, "agent" | "action">): boolean {
    return this.#all.get(agent)?.action === action;
  }

  /** The change was given up; an approval of another action on the agent stays. */
  withdraw(change: Pick<Change, "agent" | "action">): void {
    if (this.has(change)) this.done(change.agent);
  }

  done(agent: string): void {
    if (this.#all.delete(agent)) void this.#save();
  }

  drop(agents: readonly string[]): Promise<void> {
    const dropped = agents.filter((agent) => this.#all.delete(agent));
    return dropped.length > 0 ? this.#save() : this.#saved;
  }

  /** Drops what was approved for another document or another instance than there is now. `isBusy`: in flight. */
  expireChanged(subject: (agent: string) => string, isBusy: (agent: string) => boolean): void {
    for (const [agent, approval] of this.#all)
      if (!isBusy(agent) && approval.subject !== subject(agent)) this.done(agent);
  }

  /** Drops every approval of what is not to be done any more: a later wish for the same is another matter. */
  expire({ observed, plan }: Turn, isBusy: (agent: string) => boolean): void {
    if (observed.instances.kind === "unobservable") return;
    const open = new Map<string, Action | null>();
    for (const change of plan.changes) open.set(change.agent, change.action);
    // Nothing is decided about what is on its way: its approval stays.
    for (const held of plan.held) if (!open.get(held.agent)) open.set(held.agent, held.would?.action ?? null);
    for (const [agent, { action, named }] of this.#all) {
      const next = open.get(agent);
      if (isBusy(agent) || next === null) continue;
      const staysNamed = named && (next === "destroy" || next === "replace" || next === "restore");
      const stays = action !== null && next === action;
      if (!stays && !staysNamed) this.done(agent);
      else if (stays !== (action !== null) || staysNamed !== named)
        this.#all.set(agent, {
          ...(this.#all.get(agent) as Approval),
          action: stays ? action : null,
          named: staysNamed,
        });
    }
  }

  #save(): Promise<void> {
    const write = () => this.#kv.put(APPROVALS_KEY, Object.fromEntries(this.#all));
    this.#saved = this.#saved.then(write, write);
    // Whoever gave one awaits it; a removal that could not be written is made up for with the next.
    this.#saved.catch(() => {});
    return this.#saved;
  }
}
