/** The typed client has a call for every operation, under the operation's own name, and each asks for just that one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCalls } from "../../ui/client/calls.ts";
import { OPERATIONS } from "./operations.ts";
import { operationOf } from "./testing/documented.ts";

test("every operation has its call", async () => {
  let asked: readonly [string, string] = ["", ""];
  const ask = (method: string) => (path: string) => {
    asked = [method, path];
    return Promise.resolve(null as never);
  };
  const calls = createCalls({
    get: ask("GET"),
    post: ask("POST"),
    remove: ask("DELETE"),
    events: async function* () {},
  });
  // A name that would break a path, were it not encoded.
  const name = "a/b?c";
  const streams = { logPath: "followLog", outputPath: "readOutput", eventsPath: "followEvents" } as const;
  const seen = new Set<string>();
  for (const [call, ask] of Object.entries(calls)) {
    const path = (ask as (...given: unknown[]) => unknown)(name, { type: "exec" });
    const [method, at] = typeof path === "string" ? ["GET", path] : asked;
    const operation = operationOf(method, at);
    assert.equal(operation?.id, streams[call as keyof typeof streams] ?? call, `${method} ${at}`);
    seen.add(operation?.id ?? "");
  }
  // Read by Prometheus and by people.
  const others = ["getMetrics", "getDescription"];
  assert.deepEqual([...seen, ...others].sort(), OPERATIONS.map(({ id }) => id).sort());
});

test("filters become the query, and what is not asked for is not in it", async () => {
  const paths: string[] = [];
  const get = (path: string) => {
    paths.push(path);
    return Promise.resolve(null as never);
  };
  const calls = createCalls({ get, post: get, remove: get, events: async function* () {} });
  await calls.listAgents();
  await calls.listAgents({ label: ["a=b", "c"], limit: 5 });
  await calls.listTasks({ agent: "a b", state: ["queued", "sent"] });
  assert.equal(calls.eventsPath({ event: ["task.*"] }), "/events?event=task.*");
  assert.deepEqual(paths, [
    "/agents",
    "/agents?label=a%3Db&label=c&limit=5",
    "/tasks?agent=a+b&state=queued&state=sent",
  ]);
});
