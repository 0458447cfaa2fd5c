/** Who does a task, as a table: of several the least loaded, of none the reason for each; nothing goes elsewhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { Agent } from "../runtimes/agent.ts";
import type { Connection } from "../runtimes/connection.ts";
import type { Payload } from "../runtimes/frames.ts";
import { LIMITS } from "../limits.ts";
import { choose, type Target } from "./targets.ts";
import { aConfig, connected, startHub, until } from "../testing/hub.ts";

interface Given {
  readonly online?: boolean;
  readonly busy?: number;
  readonly waiting?: number;
  readonly received?: number;
  readonly type?: string;
  readonly capabilities?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly sudo?: boolean;
  readonly paused?: boolean;
  readonly draining?: boolean;
}

function anAgent(id: string, given: Given = {}): Agent {
  const agent = new Agent(id, 0, 90_000, 1);
  const { type = "builder", capabilities = ["build"], labels = { team: "web" }, sudo = false } = given;
  const tasks = { concurrency: 1, sudo, user: "ubuntu" };
  agent.configure(aConfig({ type, capabilities, labels, tasks, paused: given.paused === true }));
  if (given.online !== false) agent.connection = { ready: true } as Connection;
  for (let n = 0; n < (given.busy ?? 0); n += 1) agent.queue.reserve(`b${n}`);
  for (let n = 0; n < (given.waiting ?? 0); n += 1) agent.queue.push(`w${n}`);
  agent.stats.tasksReceived = given.received ?? 0;
  agent.queue.draining = given.draining === true;
  return agent;
}

const EXEC = { type: "exec", command: "true" };
const SUDO = { ...EXEC, sudo: true };
const build = { capability: "build" };

const TABLE: readonly (readonly [string, Readonly<Record<string, Given>>, Target, Payload, unknown])[] = [
  ["the least loaded", { a: { busy: 1 }, b: { waiting: 2 }, c: {} }, build, EXEC, ["c"]],
  ["of equals who had the fewest", { a: { received: 2 }, b: { received: 1 } }, build, EXEC, ["b"]],
  ["of equals the first by name", { b: {}, a: {} }, build, EXEC, ["a"]],
  ["a busy one before an offline one", { a: { online: false }, b: { busy: 5 } }, build, EXEC, ["b"]],
  ["an offline one, where no other fits", { a: { online: false } }, build, EXEC, ["a"]],
  [
    "no agent, with the reason of each",
    {
      a: { capabilities: [] },
      b: { paused: true },
      c: { draining: true },
      d: { online: false },
      e: { sudo: true },
    },
    { ...build, onlineOnly: true },
    { type: "exec", command: "true", sudo: true },
    ["e"],
  ],
  [
    "no-such",
    { a: { capabilities: [] }, b: { paused: true, sudo: true }, c: {}, d: { online: false, sudo: true } },
    { ...build, onlineOnly: true },
    SUDO,
    {
      a: 'it has no capability "build"',
      b: "it is paused",
      c: "sudo is not allowed there",
      d: "it is offline",
    },
  ],
  [
    "all that a selector means",
    { a: {}, b: { type: "tester" }, c: {} },
    { selector: { type: "builder" } },
    EXEC,
    ["a", "c"],
  ],
  [
    "one of those that a selector means",
    { a: { busy: 1 }, b: { type: "tester" }, c: {} },
    { selector: { type: "builder" }, pick: "one" },
    EXEC,
    ["c"],
  ],
  [
    "no such label, another label",
    { a: {}, b: { labels: {} } },
    { selector: { labels: { team: "core" } } },
    EXEC,
    { a: 'its label team is "web", not "core"', b: "it has no label team" },
  ],
  [
    "all of several or none of them",
    { a: { sudo: true }, b: {}, c: { type: "tester" } },
    { selector: { type: "builder" } },
    SUDO,
    { b: "sudo is not allowed there" },
  ],
  [
    "every one that has the capability",
    { a: {}, b: { capabilities: [] }, c: {} },
    { ...build, pick: "all" },
    EXEC,
    ["a", "c"],
  ],
  [
    "a type that no runtime of ours runs",
    { a: {} },
    build,
    { type: "dance" },
    { a: "its runtime does not run tasks of type dance" },
  ],
];

for (const [what, agents, target, spec, expected] of TABLE) {
  test(`chosen: ${what}`, () => {
    const all = Object.entries(agents).map(([id, given]) => anAgent(id, given));
    const choice = choose(target, spec, all, LIMITS);
    const found = choice.ok
      ? choice.agents.map(({ id }) => id)
      : Object.fromEntries(choice.candidates.map(({ agent, reason }) => [agent, reason]));
    assert.deepEqual(found, expected);
  });
}

test("a batch that does not fit into a queue leaves nothing there, and neither does a crowd", async () => {
  const store = createMemoryStore();
  const { hub, stop } = await startHub(store, { maxQueuedTasks: 3, maxOpenTasks: 5 });
  try {
    for (const id of ["a", "b"]) await hub.enrol(id, "n");
    for (const id of ["a", "b"]) hub.configure(id, aConfig());
    const part = (agent: string) => ({ target: { agents: [agent] }, spec: { type: "exec", command: "1" } });
    const ask = (agents: string, idempotencyKey: string | null) =>
      hub.requests.submitWhereFits([...agents].map(part), { actor: "test", idempotencyKey });
    for (const key of ["k", null]) {
      await assert.rejects(ask("baaaa", key), { code: "queue-full" });
      assert.deepEqual([store.tasks.list({}).length, hub.engine.openCount], [0, 0]);
    }
    // The refused key is free.
    assert.equal((await ask("baa", "k")).length, 3);
    await assert.rejects(ask("bbb", null), { code: "queue-full" });
    assert.equal(store.tasks.list({}).length, 3);
    const crowd = await Promise.allSettled(Array.from({ length: 5 }, () => ask("a", null)));
    assert.equal(crowd.filter(({ status }) => status === "fulfilled").length, 1);
    assert.deepEqual([hub.agent("a").queue.waiting, hub.agent("a").queue.arriving], [3, 0]);
  } finally {
    await stop();
  }
});

test("a batch is accepted as a whole, once for each key, and each agent works in order", async () => {
  const store = createMemoryStore();
  const { hub, stop } = await startHub(store);
  try {
    const a = await connected(hub, "a");
    await connected(hub, "b");
    const part = (agent: string, command: string) => ({
      target: { agents: [agent] },
      spec: { type: "exec", command },
    });
    const batch = [part("a", "1"), part("b", "1"), part("a", "2"), part("a", "3")];
    const ask = (parts: readonly ReturnType<typeof part>[], idempotencyKey: string) =>
      hub.requests.submitWhereFits(parts, { actor: "test", idempotencyKey });
    await assert.rejects(ask([...batch, part("c", "1")], "k"), { code: "agent-unknown" });
    assert.equal(store.tasks.list({}).length, 0);
    const [first, second] = await Promise.all([ask(batch, "k"), ask(batch, "k")]);
    const again = await ask(batch, "k");
    const ids = (all: typeof first) => all.map(({ task }) => task.id);
    assert.deepEqual([ids(second), ids(again).sort()], [ids(first), [...ids(first)].sort()]);
    assert.ok(again.every(({ repeated }) => repeated));
    await assert.rejects(ask(batch.slice(1), "k"), { code: "idempotency-conflict" });
    assert.equal(store.tasks.list({}).length, 4);
    const order: unknown[] = [];
    for (let n = 0; n < 3; n += 1) {
      const task = await a.next("task");
      order.push(task.payload.command);
      assert.equal(hub.registry.get("a")?.queue.inFlight.size, 1);
      a.answer(task);
    }
    assert.deepEqual(order, ["1", "2", "3"]);
    await until("a is done", () => hub.registry.get("a")?.queue.inFlight.size === 0);
  } finally {
    await stop();
  }
});
