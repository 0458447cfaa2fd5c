/** The store port: the persistent state. Writes resolve when they are on disk (fsynced). */
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
  /** The accepted task (schemas/task.schema.json). */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly state: TaskState;
  /** Incremented with every new run; results of an older one are recorded, not applied. */
  readonly epoch: number;
  readonly createdAt: Instant;
  readonly sentAt: Instant | null;
  /** When the runtime confirmed that its journal has the task: from then on it is not delivered again in this epoch. */
  readonly acceptedAt: Instant | null;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant | null;
  readonly exitCode: number | null;
  /** The runtime's result (`stdout`, `stderr`, `exitCode`, …), or null. */
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly error: string | null;
  /** Cancel was requested and why; the runtime has not confirmed it while the state is not final. */
  readonly cancelReason: string | null;
  /** Discarded bytes of output. */
  readonly droppedBytes: number;
  readonly idempotencyKey: string | null;
  /** SHA-256 of the request body, to distinguish a repetition from a conflict. */
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
  /**
   * Bytes and line ends of the task's output before this chunk, both streams together: a jump is a gap. -1: unknown
   * (written by an older version).
   */
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
  /** Ids that begin or end with this part, newest first, up to a limit. Reads the index of all ids. */
  idsWith(part: string, most: number): readonly string[];
  /** `agent` null: a task that any fitting agent could take. */
  byIdempotencyKey(agent: string | null, key: string): TaskRecord | null;
  /**
   * All tasks of one request to several agents: of this key, and of those that continue it after a unit separator
   * (U+001F).
   */
  allByIdempotencyKey(key: string): readonly TaskRecord[];
  /** Without results, and with errors cut to 500 characters: a runtime's answer may have megabytes. */
  list(filter: TaskFilter): readonly TaskRecord[];
  /** Unfinished tasks, oldest first: where a starting hub continues. */
  open(): readonly TaskRecord[];
  appendOutput(chunks: readonly OutputChunk[]): Promise<void>;
  /** Chunks with seq > after, in order. */
  output(taskId: string, after: number): readonly OutputChunk[];
  /**
   * Removes finished tasks (and their output) that ended before `finishedBefore`, and the oldest beyond `keep`; returns
   * how many.
   */
  prune(finishedBefore: Instant, keep: number): Promise<number>;
  /**
   * Removes the output of the oldest tasks that ended before `finishedBefore`, up to a limit; returns the number of
   * tasks.
   */
  pruneOutput(finishedBefore: Instant, most: number): Promise<number>;
}

/**
 * Credentials of a runtime: a join token before its first hello, its own credential afterwards. Only hashes are stored.
 */
export interface CredentialRecord {
  readonly agent: string;
  readonly nonce: string;
  /** A retried launch has a second token, while the first one may still be on its way into the guest. */
  readonly joins: readonly { readonly hash: string; readonly expiresAt: Instant }[];
  /** Hash of the credential that the runtime confirmed. */
  readonly credentialHash: string | null;
  /** Issued, not confirmed yet: the join token stays valid until then. */
  readonly pendingHash: string | null;
  /** Earlier credentials of the same claim, for restored snapshots; newest first, at most 8. */
  readonly olderHashes: readonly string[];
}

export interface CredentialStore {
  get(agent: string): CredentialRecord | null;
  put(record: CredentialRecord): Promise<void>;
  remove(agent: string): Promise<void>;
}

/** The hub's last state of an agent; survives a restart of the hub. */
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
  /** `fence`: the fencing token of the writer. Rejects with code `fenced` when a newer writer exists. */
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
   * Beyond the limit per recipient the sender with the most messages there loses its oldest one, which becomes a dead
   * letter (`queue-full`) in the same transaction; returns how many. Rejects with code `conflict` when the id waits
   * already.
   */
  enqueue(message: QueuedMessage): Promise<number>;
  /** Oldest first, without expired ones. */
  pending(to: string, now: Instant, limit?: number): readonly QueuedMessage[];
  remove(ids: readonly string[]): Promise<void>;
  /** Moves expired messages to the dead letters (`expired`); returns how many. */
  expire(now: Instant): Promise<number>;
  /** Moves all messages of a recipient to the dead letters with this reason; returns how many. */
  expireClaims(to: string, reason: string, now: Instant): Promise<number>;
}

/** A message that could not be delivered, and why. */
export interface DeadLetter {
  readonly id: string;
  readonly to: string;
  readonly reason: string;
  /** The whole frame, as for delivery. */
  readonly json: string;
  readonly at: Instant;
}

/** Maximum number; the oldest are removed first. */
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

/** Result of a verification of the whole audit. */
export interface AuditCheck {
  readonly entries: number;
  /** The last entry that was pruned: the chain begins after it. Null: none was pruned. */
  readonly cut: AuditLink | null;
  /** The end of the chain; to be recorded elsewhere and given to a later check. */
  readonly end: AuditLink | null;
  readonly broken: { readonly seq: number; readonly why: string } | null;
  /** Entries with a missing or damaged predecessor, which a person acknowledged. */
  readonly gaps: readonly number[];
}

export interface AuditStore {
  /** Appends with the hash of the previous entry. */
  append(entry: AuditEntry): Promise<void>;
  list(after: number, limit: number): readonly AuditRow[];
  /** Newest first. */
  latest(filter: AuditFilter): readonly AuditRow[];
  /** Walks the whole chain; `known`: a link recorded earlier that must still exist. */
  check(known?: AuditLink): AuditCheck;
  /** Sequence number of the first broken link, or null. */
  verify(): number | null;
  /** Accepts the chain as it is from now on. */
  acknowledge(): Promise<void>;
  /**
   * Removes entries older than `before` and the oldest beyond `keep`, never the last one, at most `most` of them; the
   * hash of the last removed one is kept, so that the rest is still a chain. Returns how many.
   */
  prune(before: Instant, keep: number, most: number): Promise<number>;
}

/** Small values by key: cached sizes, the last valid fleet, the holder of the lock. */
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
  /** Increments the fencing token and returns it; the caller holds the controller's lock. */
  nextFence(): Promise<number>;
  /** Lost or damaged records, until they are acknowledged. */
  losses(): readonly Loss[];
  /** Acknowledges the losses: an entry of the audit describes them from now on. Returns them. */
  acknowledge(actor: string, at: Instant): Promise<readonly Loss[]>;
  /** Bytes that records occupy, without free space. */
  usedBytes(): number;
  /** Resolves when all earlier writes are on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
