/**
 * A person's approvals. Each is for one action on one agent with its current document and instance, is used once, and
 * expires when the action is no longer planned. Stored, so that they outlive the process.
 */
import { createHash } from "node:crypto";
import type { Action, Change, Claim, Desired, Held, HoldReason, Turn } from "../core/types.ts";
import { applyRenames } from "../core/renames.ts";
import type { Store } from "../store/store.ts";
import { APPROVALS_KEY } from "../store/keys.ts";

/** Holds that only need an approval; no other hold is released by one. */
const RELEASED: readonly HoldReason[] = ["prune-off", "data-loss"];

interface Approval {
  readonly action: Action | null;
  /** A person named the agent for deletion. */
  readonly named: boolean;
  /** Its document and its instance at the time of the approval. */
  readonly subject: string;
}

/** Changes with the document of this instance (its pause excepted) and with the instance itself. */
export function subjectOf(name: string, desired: Desired | null, claims: readonly Claim[]): string {
  const agent = desired && applyRenames(desired, claims).agents.find((a) => a.name === name);
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

  /** Number of approvals so far. */
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

  /** Names given for deletion. */
  get allowDelete(): readonly string[] {
    return [...this.#all].flatMap(([agent, { named }]) => (named ? agent : []));
  }

  isNamed(agent: string): boolean {
    return this.#all.get(agent)?.named ?? false;
  }

  /** This action on this agent is approved. */
  covers({ would, agent }: Held): boolean {
    return would !== null && this.has({ agent, action: would.action });
  }

  releases(held: Held): Change | null {
    return RELEASED.includes(held.reason) && this.covers(held) ? held.would : null;
  }

  /** This change is approved. */
  has({ agent, action }: Pick<Change, "agent" | "action">): boolean {
    return this.#all.get(agent)?.action === action;
  }

  /** The change was abandoned; an approval of another action on the agent stays. */
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

  /** Drops approvals whose document or instance has changed. `isBusy`: in flight. */
  expireChanged(subject: (agent: string) => string, isBusy: (agent: string) => boolean): void {
    for (const [agent, approval] of this.#all)
      if (!isBusy(agent) && approval.subject !== subject(agent)) this.done(agent);
  }

  /** Drops approvals of actions that are no longer planned: a later request needs its own approval. */
  expire({ observed, plan }: Turn, isBusy: (agent: string) => boolean): void {
    if (observed.instances.kind === "unobservable") return;
    const open = new Map<string, Action | null>();
    for (const change of plan.changes) open.set(change.agent, change.action);
    // An agent in transition is not decided yet: its approval stays.
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
    // The caller that approves awaits the write; a failed removal is repeated with the next one.
    this.#saved.catch(() => {});
    return this.#saved;
  }
}
