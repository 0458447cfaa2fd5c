/** A reader of a task's output that comes while a piece of it is on its way to the disk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi } from "../../../ui/client/api.ts";
import type { ServerEvent } from "../../../ui/client/transport.ts";
import { until } from "../../hub/testing/hub.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { runningTask } from "../testing/running-task.ts";

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
  const stop = new AbortController();
  t.after(() => stop.abort());
  const { port, token, runtime, frame, task } = await runningTask(t, store);
  runtime.print(frame, 1, "one");
  await until("the first piece on disk", () => store.tasks.output(task.id, 0).length === 1);
  held = [];
  runtime.print(frame, 2, "two");
  await until("the second on its way", () => held?.length === 1);

  const api = createApi({ url: `http://127.0.0.1:${port}`, token });
  const seen: ServerEvent[] = [];
  const pieces = () => seen.filter((e) => e.event === "output").map((e) => (e.data as { data: string }).data);
  const reading = (async () => {
    for await (const event of api.events(`/tasks/${task.id}/output`, null, stop.signal)) seen.push(event);
  })();
  await until("the second piece", () => pieces().length === 2);
  runtime.print(frame, 3, "three");
  await until("the third piece", () => pieces().length === 3);
  const waiting = held;
  held = null;
  for (const go of waiting) go();
  runtime.answer(frame);
  await reading;
  assert.deepEqual(pieces(), ["one", "two", "three"]);
  assert.equal(seen.at(-1)?.event, "end");
});
