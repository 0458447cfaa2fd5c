/** Tasks over real HTTP: refusals, repeats, whom they go to, and their output as a stream. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Payload } from "../../hub/runtimes/frames.ts";
import type { AgentConfig } from "../../hub/runtimes/agent.ts";
import { aConfig, connected } from "../../hub/testing/hub.ts";
import { exec, type SseEvent, servedApi } from "../testing/served-api.ts";

const api = servedApi();

describe("tasks over HTTP", () => {
  it("are refused with what is wrong and what to do", async () => {
    await api.world.hub.enrol("a", "n");
    api.world.hub.configure("a", aConfig());
    const cases: readonly (readonly [unknown, number, string])[] = [
      ["{", 400, "body-not-json"],
      ["[]", 400, "body-not-json"],
      [{ type: "exec" }, 400, "task-invalid"],
      [{ type: "exce", command: "x" }, 400, "task-invalid"],
      [exec({ colour: "red" }), 400, "task-invalid"],
      [exec({ timeout: -1 }), 400, "task-invalid"],
      [exec({ sudo: true }), 403, "sudo-not-allowed"],
      [{ type: "git:pull", repoPath: "/x" }, 422, "task-type-not-supported"],
      [exec({ command: "x".repeat(20_000) }), 413, "body-too-large"],
    ];
    for (const [body, status, code] of cases) {
      const answer = await api.call("POST", "/agents/a/task", body);
      assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body).slice(0, 80));
      assert.ok(String(answer.body.next).length > 5);
    }
    assert.equal((await api.call("POST", "/agents/no-such/task", exec())).body.code, "agent-unknown");
    assert.deepEqual(api.store.tasks.list({}), []);
  });

  it("take durations wherever they take milliseconds, and keep milliseconds", async () => {
    await connected(api.world.hub, "a");
    const key = { "idempotency-key": "d1" };
    const timeouts = { queue: "1.5h", start: 2000, run: "90s" };
    const { body } = await api.call("POST", "/agents/a/task", exec({ timeout: "2m", timeouts }), key);
    const spec = api.store.tasks.get(String(body.taskId))?.spec;
    assert.deepEqual(spec, {
      ...exec(),
      timeout: 120_000,
      timeouts: { queue: 5_400_000, start: 2000, run: 90_000 },
    });
    const same = exec({ timeout: 120_000, timeouts: { queue: 5_400_000, start: 2000, run: 90_000 } });
    assert.equal((await api.call("POST", "/agents/a/task", same, key)).body.taskId, body.taskId);
    const some = await api.call("POST", "/tasks", { agents: ["a"], task: exec({ timeout: "250ms" }) });
    assert.equal(api.store.tasks.get(String(some.body.taskId))?.spec.timeout, 250);
    for (const timeout of ["8d", "0s", "90", "5 s", "1w"]) {
      const refused = await api.call("POST", "/agents/a/task", exec({ timeout }));
      assert.equal(refused.body.code, "task-invalid", timeout);
      assert.match(String(refused.body.detail), /a duration such as 90s/);
    }
  });

  it("are found by the beginning or the end of their id, where only one has it", async () => {
    await connected(api.world.hub, "a");
    const give = async () => String((await api.call("POST", "/agents/a/task", exec())).body.taskId);
    const [first, second] = [await give(), await give()];
    for (const part of [first, first.slice(-8), first.slice(-4)]) {
      const { body } = await api.call("GET", `/tasks/${part}`);
      assert.equal((body.task as { readonly id: string }).id, first, part);
    }
    const both = await api.call("POST", `/tasks/${first.slice(0, 8)}/cancel`, {});
    assert.deepEqual([both.status, both.body.code], [409, "id-ambiguous"]);
    assert.deepEqual(both.body.ids, [second, first].sort().reverse());
    assert.match(String(both.body.detail), new RegExp(`${first}.*|${second}.*`));
    assert.equal((await api.call("POST", `/tasks/${second.slice(-8)}/cancel`, {})).body.taskId, second);
    for (const part of ["abc", "%25%25%25%25", "zzzz", `${first}0`])
      assert.equal((await api.call("GET", `/tasks/${part}`)).body.code, "task-unknown", part);
    const audit = async (subject: string) =>
      ((await api.call("GET", `/audit?subject=${subject}`)).body.entries as unknown[]).length;
    assert.ok((await audit(second)) > 0);
    assert.equal(await audit(second.slice(-8)), await audit(second));
  });

  it("of type script are refused when their first line names another interpreter", async () => {
    await connected(api.world.hub, "a");
    const script = (line: string, more = {}) => ({ type: "script", script: `${line}\necho`, ...more });
    const refused = await api.call("POST", "/agents/a/task", script("#!/usr/bin/env python3"));
    assert.deepEqual([refused.status, refused.body.code], [400, "task-invalid"]);
    assert.match(String(refused.body.detail), /runs in Node\.js .*"interpreter": "python3"/);
    for (const body of [script("#!/usr/bin/env node"), script("#!/bin/bash", { interpreter: "bash" })])
      assert.notEqual((await api.call("POST", "/agents/a/task", body)).body.code, "task-invalid");
    const perl = await api.call("POST", "/agents/a/task", script("", { interpreter: "perl" }));
    assert.match(String(perl.body.detail), /interpreter .*allowed: node, bash, python3, sh/);
  });

  it("with an Idempotency-Key are one task for one request, and a conflict for another", async () => {
    await connected(api.world.hub, "a");
    const key = { "idempotency-key": "k1" };
    const both = await Promise.all([
      api.call("POST", "/agents/a/task", exec(), key),
      api.call("POST", "/agents/a/task", exec(), key),
    ]);
    const again = await api.call("POST", "/agents/a/task", exec(), key);
    assert.equal(new Set([...both, again].map((a) => a.body.taskId)).size, 1);
    const other = await api.call("POST", "/agents/a/task", exec({ command: "other" }), key);
    assert.deepEqual([other.status, other.body.code], [409, "idempotency-conflict"]);
    assert.equal(api.store.tasks.list({}).length, 1);
  });

  it("go to who fits: a capability to one, a selector or names to all", async () => {
    await connected(api.world.hub, "a", { capabilities: ["build"] });
    await api.world.hub.enrol("b", "n");
    api.world.hub.configure("b", aConfig({ capabilities: ["build", "docker"] }));
    const one = await api.call("POST", "/tasks", { capability: "build", ...exec() });
    assert.deepEqual([one.body.agent, one.body.status], ["a", "sent"]);
    const docker = await api.call("POST", "/tasks", { capability: "docker", task: exec() });
    assert.deepEqual([docker.body.agent, docker.body.status], ["b", "queued"]);
    const all = await api.call("POST", "/tasks", { selector: { type: "builder" }, ...exec() });
    assert.equal((all.body.tasks as unknown[]).length, 2);
    assert.equal(
      (await api.call("POST", "/tasks", { capability: "fly", ...exec() })).body.code,
      "no-agent-fits",
    );
    assert.equal((await api.call("POST", "/tasks", exec())).body.code, "task-invalid");
    const list = (await api.call("GET", "/tasks?agent=b&state=queued&limit=1")).body;
    assert.equal((list.tasks as unknown[]).length, 1);
    assert.equal((await api.call("GET", "/tasks?state=sideways")).body.code, "query-invalid");
    assert.equal(
      (await api.call("GET", "/agents?capability=docker&label=team=web&status=offline")).body.agents?.[0]?.id,
      "b",
    );
  });

  it("are listed with long texts cut, and read whole one by one", async () => {
    await connected(api.world.hub, "a");
    const long = exec({ stdin: "x".repeat(1001), env: { A: "y".repeat(1500) } });
    const { body } = await api.call("POST", "/agents/a/task", long);
    const [task] = (await api.call("GET", "/tasks?limit=1")).body.tasks as { id: string; spec: unknown }[];
    assert.equal(task?.id, String(body.taskId));
    const cut = exec({ stdin: `${"x".repeat(1000)}…`, env: { A: `${"y".repeat(1000)}…` } });
    assert.deepEqual(task?.spec, cut);
    const one = (await api.call("GET", `/tasks/${String(body.taskId)}`)).body.task as { spec: unknown };
    assert.deepEqual(one.spec, long);
  });

  it("stream their output, resume by its number, and end the stream when they end", async () => {
    const runtime = await connected(api.world.hub, "a");
    const { body } = await api.call("POST", "/agents/a/task", exec());
    const id = String(body.taskId);
    const task = await runtime.next("task");
    runtime.print(task, 1, "one");
    runtime.print(task, 2, "two");
    const first = await api.readStream(`/tasks/${id}/output`, null, (all) =>
      all.some((e) => e.data.seq === 2),
    );
    const live = api.readStream(`/tasks/${id}/output`, "1", () => false);
    runtime.print(task, 3, "three");
    runtime.answer(task);
    const chunks = (all: readonly SseEvent[]) =>
      all.filter((e) => e.event === "output").map((e) => e.data.data);
    assert.deepEqual(chunks(first), ["one", "two"]);
    const resumed = await live;
    assert.deepEqual(chunks(resumed), ["two", "three"]);
    assert.deepEqual([resumed.at(-1)?.event, resumed.at(-1)?.data.exitCode], ["end", 0]);
    assert.equal((await api.call("GET", `/tasks/${id}`)).body.task?.state, "succeeded");
    assert.equal((await api.call("POST", `/tasks/${id}/cancel`, {})).body.status, "succeeded");
    assert.equal((await api.call("GET", "/tasks/none")).body.code, "task-unknown");
  });

  it("that are queued for an agent that its document keeps down say why they wait, and with which command it starts", async () => {
    await api.world.hub.enrol("a", "n");
    const waits = async (config: Partial<AgentConfig>) => {
      api.world.hub.configure("a", aConfig(config));
      const { tasks } = (await api.call("GET", "/tasks?agent=a")).body;
      const [{ id, ...listed } = {}] = tasks as readonly Payload[];
      const one = (await api.call("GET", `/tasks/${id}`)).body.task;
      assert.equal(one?.waits, listed.waits);
      return listed.waits;
    };
    const { body } = await api.call("POST", "/agents/a/task", exec());
    assert.equal(body.status, "queued");
    const start = "by its document, and the task waits until it runs: vm-agent start a";
    assert.equal(await waits({ state: "stopped", down: true }), `a is stopped ${start}`);
    assert.equal(await waits({ state: "suspended", down: true }), `a is suspended ${start}`);
    assert.match(
      String(await waits({ state: "running", paused: true })),
      /paused by its document.*vm-agent resume a/,
    );
    assert.equal(await waits({ state: "running" }), "a is offline");
    await api.call("POST", `/tasks/${body.taskId}/cancel`, {});
    assert.equal(await waits({ state: "stopped" }), null);
  });
});
