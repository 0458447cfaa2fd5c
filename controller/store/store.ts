/** The store port: everything that a running system must remember. Writes resolve when they are on disk (fsynced). */
import type { Claim, Instant } from "../core/types.ts";
import type { Loss } from "./protection/loss.ts";

export type { Loss };

export type TaskState =
  | "queued"
  | "sent"
  | "running"
  | "succeeded"
  | "failed"
  | "timed-out"
  | "cancelled"
  | "expired"
  | "lost";

export interface TaskRecord {
  readonly id: string;
  readonly agent: string;
  readonly type: string;
  /** The task as it was accepted (schemas/task.schema.json). */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly state: TaskState;
  /** Raised with every delivery to a new lease; results of an older one are recorded, not applied. */
  readonly epoch: number;
  readonly createdAt: Instant;
  readonly sentAt: Instant | null;
  /** When the runtime said that its journal has the task: from then on it is never delivered again in this epoch. */
  readonly acceptedAt: Instant | null;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant | null;
  readonly exitCode: number | null;
  /** What the runtime answered (`stdout`, `stderr`, `exitCode`, …), or null. */
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly error: string | null;
  /** Somebody asked for a cancel and why; the runtime has not confirmed it while the state is not final. */
  readonly cancelReason: string | null;
  /** Bytes of output that were not kept. */
  readonly droppedBytes: number;
  readonly idempotencyKey: string | null;
  /** SHA-256 of the request body, to tell a repeat from a conflict. */
  readonly bodyHash: string;
}

export interface OutputChunk {
  readonly taskId: string;
  readonly seq: number;
  readonly stream: "stdout" | "stderr";
  readonly data: string;
  /** Present when `data` is not text. */
  readonly encoding?: "base64";
  readonly at: Instant;
  /** Bytes and line ends of the task's output before this chunk, both streams together: a jump is a gap. -1: not known (an older version wrote it). */
  readonly offset: number;
  readonly line: number;
}

export interface TaskFilter {
  readonly agent?: string;
  readonly type?: string;
  /** Only tasks inserted before this one: the cursor of the next page. */
  readonly before?: string;
  readonly states?: readonly TaskState[];
  /** Newest first; default 100. */
  readonly limit?: number;
}

export interface TaskStore {
  /** Rejects with code `conflict` when the id, or the agent's idempotency key, exists. */
  insert(task: TaskRecord): Promise<void>;
  /** Replaces the record, together with any output chunks, in one transaction. */
  update(task: TaskRecord, output?: readonly OutputChunk[]): Promise<void>;
  get(id: string): TaskRecord | null;
  /** Ids that begin or end with this part, the newest first, at most so many. Reads the index of all ids. */
  idsWith(part: string, most: number): readonly string[];
  /** `agent` null: a task that was sent to whichever agent fitted. */
  byIdempotencyKey(agent: string | null, key: string): TaskRecord | null;
  /** All tasks of one request to several: of this key, and of those that continue it after a unit separator (U+001F). */
  allByIdempotencyKey(key: string): readonly TaskRecord[];
  /** Without their results, and with errors cut to 500 characters: what runtimes wrote may have megabytes each. */
  list(filter: TaskFilter): readonly TaskRecord[];
  /** Tasks in a state that is not final, oldest first: what a starting hub must go on with. */
  open(): readonly TaskRecord[];
  appendOutput(chunks: readonly OutputChunk[]): Promise<void>;
  /** Chunks with seq > after, in order. */
  output(taskId: string, after: number): readonly OutputChunk[];
  /** Removes finished tasks (and their output) that ended before `finishedBefore`, and the oldest beyond `keep`; returns how many. */
  prune(finishedBefore: Instant, keep: number): Promise<number>;
  /** Removes the output of the oldest tasks that ended before `finishedBefore`, of at most so many; returns of how many. */
  pruneOutput(finishedBefore: Instant, most: number): Promise<number>;
}

/** How a runtime may come in: a join token before its first hello, its own credential afterwards. Only hashes are kept. */
export interface CredentialRecord {
  readonly agent: string;
  readonly nonce: string;
  /** A launch that is tried again has a second token, while the first one may still be on its way into the guest. */
  readonly joins: readonly { readonly hash: string; readonly expiresAt: Instant }[];
  /** Hash of the credential that the runtime confirmed. */
  readonly credentialHash: string | null;
  /** Issued, not confirmed yet: the join token stays good until it is. */
  readonly pendingHash: string | null;
  /** Earlier credentials of the same claim, for restored snapshots; newest first, at most 8. */
  readonly olderHashes: readonly string[];
}

export interface CredentialStore {
  get(agent: string): CredentialRecord | null;
  put(record: CredentialRecord): Promise<void>;
  remove(agent: string): Promise<void>;
}

/** What the hub last knew of an agent; survives a restart of the hub. */
export interface AgentRow {
  readonly id: string;
  readonly registeredAt: Instant;
  readonly lastSeen: Instant;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface AgentStore {
  list(): readonly AgentRow[];
  /** Durable, but written lazily: a heartbeat is no reason for an fsync. */
  put(row: AgentRow): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface ClaimStore {
  list(): readonly Claim[];
  get(name: string): Claim | undefined;
  /** `fence`: the epoch of the writer's lock. Rejects with code `fenced` when a newer writer exists. */
  put(claim: Claim, fence: number): Promise<void>;
  remove(name: string, fence: number): Promise<void>;
}

export interface QueuedMessage {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly json: string;
  readonly at: Instant;
  readonly expiresAt: Instant;
}

/** How many messages may wait for one recipient. */
export const MESSAGES_PER_RECIPIENT = 1000;

export interface MessageStore {
  /**
   * Beyond the bound per recipient the sender with the most messages there loses its oldest one, which becomes a dead letter
   * (`queue-full`) in the same transaction; returns how many. Rejects with code `conflict` when the id waits already.
   */
  enqueue(message: QueuedMessage): Promise<number>;
  /** Oldest first, expired ones left out. */
  pending(to: string, now: Instant, limit?: number): readonly QueuedMessage[];
  remove(ids: readonly string[]): Promise<void>;
  /** The expired become dead letters (`expired`); returns how many. */
  expire(now: Instant): Promise<number>;
  /** All that wait for a recipient become dead letters for this reason; returns how many. */
  bury(to: string, reason: string, now: Instant): Promise<number>;
}

/** A message that could not be delivered, and why. */
export interface DeadLetter {
  readonly id: string;
  readonly to: string;
  readonly reason: string;
  /** The whole frame, as it would have been delivered. */
  readonly json: string;
  readonly at: Instant;
}

/** How many are kept; the oldest go first. */
export const DEAD_LETTERS_KEPT = 1000;

export interface DeadLetterStore {
  put(letter: DeadLetter): Promise<void>;
  get(id: string): DeadLetter | null;
  /** Oldest first. */
  list(): readonly DeadLetter[];
  count(): number;
  remove(ids: readonly string[]): Promise<void>;
}

export interface AuditEntry {
  readonly at: Instant;
  /** `operator`, `loop`, `runtime:NAME`, `hub`. */
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** One entry's place in the chain. */
export interface AuditLink {
  readonly seq: number;
  readonly hash: string;
}

export type AuditRow = AuditEntry & AuditLink;

export interface AuditFilter {
  /** Entries about this agent: its tasks, steps, logins. */
  readonly agent?: string;
  /** `task.submit`, or `task` for all of `task.*`. */
  readonly kind?: string;
  readonly limit: number;
}

/** What a look at every link of the audit found. */
export interface AuditCheck {
  readonly entries: number;
  /** The last entry that was pruned by age: the chain begins after it. Null: nothing was pruned. */
  readonly cut: AuditLink | null;
  /** The end of the chain; to be noted elsewhere and given to a later check. */
  readonly end: AuditLink | null;
  readonly broken: { readonly seq: number; readonly why: string } | null;
  /** Entries before which something is missing or damaged, which a person acknowledged. */
  readonly gaps: readonly number[];
}

export interface AuditStore {
  /** Appends with the hash of the previous entry. */
  append(entry: AuditEntry): Promise<void>;
  list(after: number, limit: number): readonly AuditRow[];
  /** The newest first. */
  latest(filter: AuditFilter): readonly AuditRow[];
  /** Walks the whole chain; `known`: a link that was noted earlier and must still be there. */
  check(known?: AuditLink): AuditCheck;
  /** Sequence number of the first broken link, or null. */
  verify(): number | null;
  /** From now on the chain counts as whole as it is. */
  acknowledge(): Promise<void>;
  /**
   * Removes entries older than `before` and the oldest beyond `keep`, never the last one, at most `most` of them; the hash of
   * the last removed one stays, so that the rest is still a chain. Returns how many.
   */
  prune(before: Instant, keep: number, most: number): Promise<number>;
}

/** Small values under a key: the cache of observed sizes, the last good fleet, who holds the lock. */
export interface KeyValueStore {
  get(key: string): unknown;
  all(prefix: string): ReadonlyMap<string, unknown>;
  put(key: string, value: unknown): Promise<void>;
  remove(key: string): Promise<void>;
}

export interface Store {
  readonly claims: ClaimStore;
  readonly tasks: TaskStore;
  readonly credentials: CredentialStore;
  readonly agents: AgentStore;
  readonly messages: MessageStore;
  readonly deadLetters: DeadLetterStore;
  readonly audit: AuditStore;
  readonly kv: KeyValueStore;
  /** Raises the fencing epoch and returns it; the caller holds the controller's lock. */
  nextFence(): Promise<number>;
  /** What was found to be lost or damaged, until it is acknowledged. */
  losses(): readonly Loss[];
  /** The losses are known and accepted: an entry of the audit describes them from now on. Returns them. */
  acknowledge(actor: string, at: Instant): Promise<readonly Loss[]>;
  /** Bytes that records occupy; what was removed is used again and does not count. */
  usedBytes(): number;
  /** Everything asked so far is on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
