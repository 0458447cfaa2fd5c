/** What every store does, as one table of behaviours; `contract.test.ts` runs it against each implementation. */
import assert from "node:assert/strict";
import type { Claim } from "../../core/types.ts";
import {
  DEAD_LETTERS_KEPT,
  MESSAGES_PER_RECIPIENT,
  type OutputChunk,
  type Store,
  type TaskRecord,
} from "../store.ts";

export function aTask(id: string, more: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id,
    agent: "agent-1",
    type: "exec",
    spec: { type: "exec", command: "echo hi" },
    state: "queued",
    epoch: 1,
    createdAt: 1000,
    sentAt: null,
    acceptedAt: null,
    startedAt: null,
    finishedAt: null,
    exitCode: null,
    result: null,
    error: null,
    cancelReason: null,
    droppedBytes: 0,
    idempotencyKey: null,
    bodyHash: "h",
    ...more,
  };
}

export function aClaim(name: string): Claim {
  return {
    name,
    nonce: `nonce of ${name}`,
    phase: "launched",
    claimedAt: 1,
    bootAt: 2,
    image: "24.04",
    provisionHash: "p",
    runtimeHash: "r",
    restoreToken: null,
    document: name,
    converged: null,
    proven: true,
    protect: false,
  };
}

const chunk = (taskId: string, seq: number, data: string): OutputChunk => ({
  taskId,
  seq,
  stream: "stdout",
  data,
  at: 5,
  offset: 10 * seq,
  line: seq,
});
const done: Partial<TaskRecord> = {
  state: "succeeded",
  sentAt: 1001,
  acceptedAt: 1002,
  startedAt: 1003,
  finishedAt: 1004,
  exitCode: 0,
  result: { stdout: "hi" },
};
const ids = (tasks: readonly TaskRecord[]) => tasks.map((t) => t.id);
const code = (expected: string) => (error: unknown) => {
  assert.equal((error as { code?: string }).code, expected);
  return true;
};

export const CONTRACT: readonly {
  readonly name: string;
  readonly run: (store: Store) => Promise<void>;
}[] = [
  {
    name: "a task is read back unchanged, new and finished",
    async run({ tasks }) {
      await tasks.insert(aTask("a"));
      assert.deepEqual(tasks.get("a"), aTask("a"));
      const finished = aTask("a", { ...done, cancelReason: "why", droppedBytes: 7 });
      await tasks.update(finished);
      assert.deepEqual(tasks.get("a"), finished);
      await tasks.insert(aTask("b", { ...done, idempotencyKey: "k" }));
      assert.deepEqual(tasks.get("b"), aTask("b", { ...done, idempotencyKey: "k" }));
      assert.equal(tasks.get("c"), null);
      assert.deepEqual([tasks.idsWith("a", 5), tasks.idsWith("c", 5)], [["a"], []]);
    },
  },
  {
    name: "an id, and a key of one agent, exist once",
    async run({ tasks }) {
      await tasks.insert(aTask("a", { idempotencyKey: "k" }));
      await assert.rejects(tasks.insert(aTask("a")), code("conflict"));
      await assert.rejects(tasks.insert(aTask("b", { idempotencyKey: "k" })), code("conflict"));
      await tasks.insert(aTask("c", { agent: "agent-2", idempotencyKey: "k" }));
      assert.equal(tasks.byIdempotencyKey("agent-2", "k")?.id, "c");
      assert.equal(tasks.byIdempotencyKey(null, "k")?.id, "a");
      assert.equal(tasks.byIdempotencyKey("agent-3", "k"), null);
      await tasks.insert(aTask("d", { agent: "agent-2", idempotencyKey: "k\u001f1" }));
      await tasks.insert(aTask("e", { agent: "agent-2", idempotencyKey: "k 1" }));
      assert.deepEqual(
        tasks.allByIdempotencyKey("k").map((task) => task.id),
        ["a", "c", "d"],
      );
    },
  },
  {
    name: "writes of one batch fail one by one",
    async run({ tasks }) {
      const results = await Promise.allSettled([
        tasks.insert(aTask("a")),
        tasks.insert(aTask("a")),
        tasks.insert(aTask("b")),
      ]);
      assert.deepEqual(
        results.map((r) => r.status),
        ["fulfilled", "rejected", "fulfilled"],
      );
      assert.deepEqual(ids(tasks.open()), ["a", "b"]);
    },
  },
  {
    name: "lists are newest first, filtered, and go on behind a cursor",
    async run({ tasks }) {
      for (const id of ["a", "b", "c", "d"]) {
        await tasks.insert(
          aTask(id, { agent: id === "d" ? "agent-2" : "agent-1", type: id === "c" ? "test" : "exec" }),
        );
      }
      await tasks.update(aTask("b", done));
      assert.deepEqual(ids(tasks.list({})), ["d", "c", "b", "a"]);
      assert.deepEqual(ids(tasks.list({ agent: "agent-1", limit: 2 })), ["c", "b"]);
      assert.deepEqual(ids(tasks.list({ agent: "agent-1", before: "b" })), ["a"]);
      assert.deepEqual(ids(tasks.list({ states: ["succeeded", "failed"] })), ["b"]);
      assert.deepEqual(ids(tasks.list({ type: "test" })), ["c"]);
      assert.deepEqual(ids(tasks.open()), ["a", "c", "d"]);
    },
  },
  {
    name: "output is kept once by number, read from a number on, and trimmed at its head",
    async run({ tasks }) {
      await tasks.insert(aTask("a"));
      await tasks.appendOutput([chunk("a", 1, "one"), chunk("a", 2, "two")]);
      await tasks.update(aTask("a", done), [
        chunk("a", 2, "again"),
        { ...chunk("a", 3, "AA=="), encoding: "base64" },
      ]);
      assert.deepEqual(
        tasks.output("a", 1).map((c) => [c.seq, c.data, c.encoding]),
        [
          [2, "two", undefined],
          [3, "AA==", "base64"],
        ],
      );
      assert.deepEqual(
        tasks.output("a", -1).map((c) => [c.offset, c.line]),
        [
          [10, 1],
          [20, 2],
          [30, 3],
        ],
      );
    },
  },
  {
    name: "pruning takes old and surplus finished tasks with their output, never open ones",
    async run({ tasks }) {
      await tasks.insert(aTask("open"));
      for (const [id, finishedAt] of [
        ["old", 10],
        ["new", 5000],
        ["newer", 6000],
      ] as const) {
        await tasks.insert(aTask(id, { ...done, finishedAt }));
        await tasks.appendOutput([chunk(id, 1, "x")]);
      }
      assert.equal(await tasks.prune(100, 100), 1);
      assert.equal(tasks.get("old"), null);
      assert.deepEqual(tasks.output("old", -1), []);
      assert.equal(await tasks.prune(0, 1), 1);
      assert.deepEqual(ids(tasks.list({})), ["newer", "open"]);
    },
  },
  {
    name: "claims are fenced: a former writer changes nothing",
    async run(store) {
      const first = await store.nextFence();
      await store.claims.put(aClaim("a"), first);
      const second = await store.nextFence();
      assert.equal(second, first + 1);
      await assert.rejects(store.claims.put(aClaim("b"), first), code("fenced"));
      await assert.rejects(store.claims.remove("a", first), code("fenced"));
      assert.deepEqual(store.claims.list(), [aClaim("a")]);
      await store.claims.put({ ...aClaim("a"), phase: "removing" }, second);
      assert.equal(store.claims.list()[0]?.phase, "removing");
      assert.deepEqual(store.claims.get("a"), { ...aClaim("a"), phase: "removing" });
      assert.equal(store.claims.get("b"), undefined);
      await store.claims.remove("a", second);
      assert.deepEqual(store.claims.list(), []);
      assert.equal(store.claims.get("a"), undefined);
    },
  },
  {
    name: "credentials and small values are replaced, found by prefix and removed",
    async run({ credentials, kv }) {
      const record = {
        agent: "a",
        nonce: "n",
        joins: [{ hash: "j", expiresAt: 1 }],
        credentialHash: null,
        pendingHash: null,
        olderHashes: ["x"],
      };
      await credentials.put({ ...record, joins: [] });
      await credentials.put(record);
      assert.deepEqual(credentials.get("a"), record);
      await credentials.remove("a");
      assert.equal(credentials.get("a"), null);
      await kv.put("size/b", 2);
      await kv.put("size/a", { n: 1 });
      await kv.put("si%e", 3);
      assert.deepEqual(
        [...kv.all("size/")],
        [
          ["size/a", { n: 1 }],
          ["size/b", 2],
        ],
      );
      await kv.remove("size/a");
      assert.equal(kv.get("size/a"), undefined);
    },
  },
  {
    name: "agents are seen at once and survive a flush",
    async run(store) {
      const put = store.agents.put({ id: "a", registeredAt: 1, lastSeen: 2, json: { n: 1 } });
      const again = store.agents.put({ id: "a", registeredAt: 1, lastSeen: 3, json: { n: 2 } });
      assert.deepEqual(store.agents.list(), [{ id: "a", registeredAt: 1, lastSeen: 3, json: { n: 2 } }]);
      await store.flush();
      await Promise.all([put, again]);
      assert.equal(store.agents.list()[0]?.lastSeen, 3);
      await store.agents.remove("a");
      assert.deepEqual(store.agents.list(), []);
    },
  },
  {
    name: "a full queue takes from whoever fills it, the oldest first, and never from one who sent less",
    async run({ messages, deadLetters }) {
      const send = (from: string, id: string) =>
        messages.enqueue({ id, from, to: "x", json: "{}", at: 1, expiresAt: 100 });
      await send("quiet", "q1");
      await Promise.all(Array.from({ length: MESSAGES_PER_RECIPIENT - 1 }, (_, n) => send("busy", `b${n}`)));
      assert.equal(await send("busy", "more"), 1);
      assert.equal(await send("quiet", "q2"), 1);
      assert.equal(await send("new", "n1"), 1);
      assert.deepEqual(
        deadLetters.list().map(({ id }) => id),
        ["b0", "b1", "b2"],
      );
      const kept = messages.pending("x", 0).map(({ id, from }) => [id, from]);
      assert.equal(kept.length, MESSAGES_PER_RECIPIENT);
      assert.deepEqual(
        kept.filter(([, from]) => from !== "busy"),
        [
          ["q1", "quiet"],
          ["q2", "quiet"],
          ["n1", "new"],
        ],
      );
    },
  },
  {
    name: "messages wait in order, expire, and are bounded per recipient",
    async run({ messages, deadLetters }) {
      const message = (id: string, to: string, expiresAt: number) => ({
        id,
        from: "s",
        to,
        json: "{}",
        at: 1,
        expiresAt,
      });
      await messages.enqueue(message("a", "x", 100));
      await messages.enqueue(message("b", "x", 10));
      await messages.enqueue(message("c", "x", 100));
      assert.deepEqual(
        messages.pending("x", 50).map((m) => m.id),
        ["a", "c"],
      );
      assert.equal(await messages.expire(50), 1);
      await messages.remove(["a"]);
      assert.deepEqual(
        messages.pending("x", 0).map((m) => m.id),
        ["c"],
      );
      const many = Array.from({ length: MESSAGES_PER_RECIPIENT }, (_, i) =>
        messages.enqueue(message(`m${i}`, "y", 100)),
      );
      await Promise.all(many);
      await assert.rejects(messages.enqueue(message("m1", "y", 100)), code("conflict"));
      assert.equal(await messages.enqueue(message("over", "y", 100)), 1);
      assert.equal(await messages.enqueue(message("other", "z", 100)), 0);
      assert.equal(messages.pending("y", 0).length, MESSAGES_PER_RECIPIENT);
      assert.deepEqual(
        messages.pending("y", 0, 2).map((m) => m.id),
        ["m1", "m2"],
      );
      assert.equal(await messages.expireClaims("z", "agent-removed", 60), 1);
      assert.deepEqual(
        deadLetters.list().map(({ id, to, reason, at }) => [id, to, reason, at]),
        [
          ["b", "x", "expired", 50],
          ["m0", "y", "queue-full", 1],
          ["other", "z", "agent-removed", 60],
        ],
      );
    },
  },
  {
    name: "dead letters are found, removed, and bounded: the oldest go first",
    async run({ deadLetters }) {
      const letter = (n: number) => ({ id: `d${n}`, to: "x", reason: "expired", json: `{"n":${n}}`, at: n });
      await Promise.all(Array.from({ length: DEAD_LETTERS_KEPT + 2 }, (_, n) => deadLetters.put(letter(n))));
      assert.equal(deadLetters.count(), DEAD_LETTERS_KEPT);
      assert.equal(deadLetters.get("d1"), null);
      assert.deepEqual(deadLetters.get("d2"), letter(2));
      await deadLetters.remove(["d2", "d3"]);
      assert.deepEqual(deadLetters.list()[0], letter(4));
      assert.equal(deadLetters.count(), DEAD_LETTERS_KEPT - 2);
    },
  },
  {
    name: "the audit is chained",
    async run({ audit }) {
      const entry = (n: number) => ({ at: n, actor: "loop", action: "step", subject: "a", detail: { n } });
      await Promise.all([audit.append(entry(1)), audit.append(entry(2))]);
      await audit.append(entry(3));
      const [first, second] = audit.list(0, 2);
      assert.deepEqual([first?.seq, first?.detail, second?.seq], [1, { n: 1 }, 2]);
      assert.notEqual(first?.hash, second?.hash);
      assert.equal(audit.list(2, 10).length, 1);
      assert.equal(audit.verify(), null);
      const end = audit.list(2, 1)[0];
      assert.deepEqual(audit.check(), {
        entries: 3,
        cut: null,
        end: { seq: 3, hash: end?.hash },
        broken: null,
        gaps: [],
      });
      assert.equal(audit.check({ seq: 3, hash: String(end?.hash) }).broken, null);
      assert.equal(audit.check({ seq: 2, hash: String(end?.hash) }).broken?.seq, 2);
      assert.equal(audit.check({ seq: 9, hash: String(end?.hash) }).broken?.seq, 4);
    },
  },
  {
    name: "the audit is found by agent and kind, the newest first",
    async run({ audit }) {
      const entry = (action: string, subject: string, agent?: string) => ({
        at: 1,
        actor: action === "runtime.login" ? `runtime:${subject}` : "loop",
        action,
        subject,
        detail: agent === undefined ? {} : { agent },
      });
      await audit.append(entry("task.submit", "t1", "a"));
      await audit.append(entry("step.done", "b"));
      await audit.append(entry("runtime.login", "a"));
      await audit.append(entry("tasks", "a"));
      const found = (filter: { readonly agent?: string; readonly kind?: string }, limit = 9) =>
        audit.latest({ ...filter, limit }).map((row) => row.seq);
      assert.deepEqual(found({}), [4, 3, 2, 1]);
      assert.deepEqual(found({}, 2), [4, 3]);
      assert.deepEqual(found({ agent: "a" }), [4, 3, 1]);
      assert.deepEqual(found({ kind: "task" }), [1]);
      assert.deepEqual(found({ agent: "a", kind: "runtime.login" }), [3]);
      assert.deepEqual(found({ agent: "c" }), []);
    },
  },
  {
    name: "the audit is cut at its beginning and stays a chain",
    async run({ audit }) {
      const entry = (at: number) => ({ at, actor: "loop", action: "step", subject: "a", detail: {} });
      for (let at = 1; at <= 9; at++) await audit.append(entry(at));
      const [first, second] = audit.list(0, 2);
      assert.equal(await audit.prune(3, 100, 100), 2);
      assert.equal(audit.list(0, 1)[0]?.seq, 3);
      assert.deepEqual(audit.check().cut, { seq: 2, hash: second?.hash });
      assert.equal(audit.check().broken, null);
      assert.match(String(audit.check({ seq: 1, hash: String(first?.hash) }).broken?.why), /older/);
      assert.equal(await audit.prune(0, 6, 100), 1);
      assert.equal(await audit.prune(0, 2, 3), 3);
      assert.equal(await audit.prune(1000, 100, 100), 2, "the last one stays");
      assert.equal(await audit.prune(1000, 0, 100), 0);
      await audit.append(entry(10));
      assert.deepEqual(
        audit.list(0, 9).map((row) => row.seq),
        [9, 10],
      );
      assert.equal(audit.verify(), null);
    },
  },
  {
    name: "output of old tasks goes, the oldest first, and that of open ones stays",
    async run({ tasks }) {
      for (const [id, finishedAt] of [
        ["a", 10],
        ["b", 20],
        ["c", 30],
        ["d", null],
      ] as const) {
        const state = finishedAt === null ? "running" : "succeeded";
        await tasks.insert(aTask(id, { state, finishedAt }));
        await tasks.appendOutput([chunk(id, 1, "x")]);
      }
      const left = () => ["a", "b", "c", "d"].filter((id) => tasks.output(id, 0).length > 0);
      assert.equal(await tasks.pruneOutput(25, 1), 1);
      assert.deepEqual(left(), ["b", "c", "d"]);
      assert.equal(await tasks.pruneOutput(25, 5), 1);
      assert.equal(await tasks.pruneOutput(1000, 5), 1);
      assert.deepEqual(left(), ["d"]);
      assert.equal(tasks.get("a")?.state, "succeeded");
    },
  },
];
