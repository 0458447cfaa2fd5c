/** Readers of streams that read slowly, or not at all: kept output waits for them within bounds, what is live does not, and the hub goes on. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { Limits } from "../hub/limits.ts";
import { until } from "../hub/testing/hub.ts";
import { createMemoryStore } from "../store/memory/memory.ts";
import { runningTask } from "./testing/running-task.ts";

async function scene(t: TestContext, limits: Partial<Limits>) {
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const { hub, port, token, runtime, frame, task } = await runningTask(t, createMemoryStore(), limits);
  let seq = 0;
  /** So many pieces of bytes that no text can be. */
  const flood = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      seq += 1;
      const data = Buffer.alloc(30_000, (seq % 256) | 128).toString("base64");
      runtime.print(frame, seq, data, { encoding: "base64" });
    }
    await until("the output", () => hub.store.tasks.output(task.id, 0).at(-1)?.seq === seq, 20_000);
  };
  /** A reader on a bare socket, paused before the answer comes. */
  const reader = (lastId = -1) => {
    const state = { text: "", closed: false };
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    socket.setEncoding("latin1");
    socket.on("data", (data) => {
      state.text += String(data);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      state.closed = true;
    });
    socket.pause();
    socket.write(
      `GET /tasks/${task.id}/output HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nLast-Event-ID: ${lastId}\r\n\r\n`,
    );
    return Object.assign(state, { socket });
  };
  const numbers = (text: string) => [...text.matchAll(/"seq":(\d+)/g)].map(([, n]) => Number(n));
  return { hub, runtime, frame, flood, reader, numbers, task };
}

test("kept output larger than the buffer reaches a slow reader whole, in order, in one connection", async (t) => {
  const { runtime, frame, flood, reader, numbers } = await scene(t, {
    maxStreamBuffer: 100_000,
    maxStreams: 1,
  });
  await flood(25);
  const slow = reader();
  runtime.answer(frame);
  slow.socket.on("data", () => {
    slow.socket.pause();
    setTimeout(() => slow.socket.resume(), 2);
  });
  slow.socket.resume();
  await until("the end", () => slow.text.includes("event: end"), 20_000);
  assert.deepEqual(
    numbers(slow.text),
    Array.from({ length: 25 }, (_, n) => n + 1),
  );
  for (const [n, byte] of [1, 17, 25].map((n) => [n, (n % 256) | 128] as const))
    assert.ok(
      slow.text.includes(
        `"seq":${n},"stream":"stdout","data":"${Buffer.alloc(30_000, byte).toString("base64")}"`,
      ),
    );
});

test("who reads nothing while output comes is cut, makes room, and resumes by its last id", async (t) => {
  const { hub, flood, reader, numbers, task } = await scene(t, {
    maxStreamBuffer: 100_000,
    maxStreams: 1,
    maxOutputBytes: 64 * 2 ** 20,
  });
  const paused = reader();
  await until("the stream", () => paused.socket.bytesWritten > 0);
  // The system's own buffers take some megabytes first.
  await flood(400);
  paused.socket.resume();
  await until("its end", () => paused.closed, 20_000);
  const had = numbers(paused.text);
  const all = hub.store.tasks.output(task.id, 0).length;
  assert.ok(had.length < all, `${had.length} of ${all}`);
  // The last one may be cut in the middle.
  const last = had.at(-2) ?? -1;
  const second = reader(last);
  second.socket.resume();
  await until("the rest", () => numbers(second.text).at(-1) === all, 20_000);
  assert.deepEqual(numbers(second.text)[0], last < 0 ? 1 : last + 1);
});

test("who takes nothing of what lies ready is cut in the end, although nothing new comes", async (t) => {
  const { flood, reader } = await scene(t, { maxOutputBytes: 64 * 2 ** 20, maxStreams: 1, streamStall: 50 });
  await flood(400);
  const paused = reader();
  await until("the stream", () => paused.socket.bytesWritten > 0);
  // Paused sockets do not tell of their end: another may have its place when it is gone.
  const admitted = ({ text }: { readonly text: string }) => text.startsWith("HTTP/1.1 200");
  let next = reader();
  next.socket.resume();
  await until(
    "room for another",
    () => {
      if (next.text !== "" && !admitted(next)) {
        next = reader();
        next.socket.resume();
      }
      return admitted(next);
    },
    20_000,
  );
});
