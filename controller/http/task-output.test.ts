/** A reader of a task's output that comes while a piece of it is on its way to the disk. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createApi, type ServerEvent } from "../../ui/client/api.ts";
import { connected, startHub, until } from "../hub/testing.ts";
import { createMemoryStore } from "../store/memory.ts";
import { createApp } from "./app.ts";
import { listenHttp } from "./server.ts";

test("what is not on disk yet when a reader comes is shown to him, once and in its place", async (t) => {
  const memory = createMemoryStore();
  /** Writes of output that wait; null: they are done at once. */
  let held: (() => void)[] | null = null;
  const store = {
    ...memory,
    tasks: {
      ...memory.tasks,
      appendOutput: async (...args: Parameters<typeof memory.tasks.appendOutput>) => {
        await new Promise<void>((go) => (held === null ? go() : held.push(go)));
        await memory.tasks.appendOutput(...args);
      },
    },
  };
  const world = await startHub(store);
  const { hub } = world;
  const server = await listenHttp({ app: createApp({ hub }), hub, bind: "127.0.0.1", port: 0 });
  const stop = new AbortController();
  t.after(async () => {
    stop.abort();
    await server.stop(200);
    await world.stop();
  });
  const runtime = await connected(hub, "a");
  const spec = { type: "exec", command: "say" };
  const { task } = await hub.requests.submit("a", { spec, actor: "test", idempotencyKey: null });
  const frame = await runtime.next("task");
  runtime.accept(frame, "running");
  const { taskId, epoch } = frame.payload;
  const say = (seq: number, data: string) =>
    runtime.send("output", { taskId, epoch, seq, stream: "stdout", data, encoding: "utf8", dropped: 0 });
  say(1, "one");
  await until("the first piece on disk", () => store.tasks.output(task.id, 0).length === 1);
  held = [];
  say(2, "two");
  await until("the second on its way", () => held?.length === 1);

  const token = readFileSync(join(world.home, "operator-token"), "utf8").trim();
  const api = createApi({ url: `http://127.0.0.1:${server.port}`, token });
  const seen: ServerEvent[] = [];
  const pieces = () => seen.filter((e) => e.event === "output").map((e) => (e.data as { data: string }).data);
  const reading = (async () => {
    for await (const event of api.events(`/tasks/${task.id}/output`, null, stop.signal)) seen.push(event);
  })();
  await until("the second piece", () => pieces().length === 2);
  say(3, "three");
  await until("the third piece", () => pieces().length === 3);
  const waiting = held;
  held = null;
  for (const go of waiting) go();
  runtime.answer(frame);
  await reading;
  assert.deepEqual(pieces(), ["one", "two", "three"]);
  assert.equal(seen.at(-1)?.event, "end");
});
