/** task-waits.ts: a queue and an offline agent are distinguished; a task that is not queued has no wait. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskAnswer } from "../../../schemas/types.ts";
import { taskWaits } from "../../views/task-waits.ts";
import { queuedText, sayWhatItWaitsFor, waitsText } from "./waits.ts";

type Asked = Parameters<typeof sayWhatItWaitsFor>[0];

const hub = (state: string, condition: string) =>
  ({
    getTask: async () => ({ task: { agent: "a", state, createdAt: 9 } }),
    getAgent: async () => ({ agent: { condition, lastSeen: 0, currentTasks: ["x"], queuedTasks: 4 } }),
    listTasks: async () => ({
      tasks: [{ createdAt: 7 }, { createdAt: 8 }, { createdAt: 9 }, { createdAt: 10 }],
    }),
  }) as unknown as Asked;

test("what is before it, or since when its agent is offline", async () => {
  const said = await new Promise((say) => void sayWhatItWaitsFor(hub("queued", "online"), "t", say, 0));
  assert.equal(said, "waits: a does 1 task, 2 before this one");
  const facts = { agent: "a", condition: "offline", lastSeen: 1_800_000_000_000, running: 0, before: 0 };
  assert.equal(waitsText(facts), "waits: a is offline since 2027-01-15T08:00:00Z");
  assert.equal(waitsText({ ...facts, lastSeen: 0 }), "waits: a is offline");
});

test("nothing of what has begun, or is over by then", async () => {
  const lines: string[] = [];
  {
    using _begun = sayWhatItWaitsFor(hub("running", "online"), "t", (line) => void lines.push(line), 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    using _over = sayWhatItWaitsFor(hub("queued", "online"), "t", (line) => void lines.push(line), 5);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(lines, []);
});

test("a queued task says why it waits, in the hub's words", async () => {
  const waits = taskWaits({ agent: "a", state: "stopped", paused: false, online: false, draining: false });
  const getTask = async () => ({ task: { waits } }) as unknown as TaskAnswer;
  assert.match(
    await queuedText({ getTask }, "t"),
    /^queued: a is stopped by its document.*vm-agent start a \(Ctrl-C/,
  );
  const silent = () => Promise.reject(new Error("the hub is gone"));
  assert.equal(await queuedText({ getTask: silent }, "t"), "queued (Ctrl-C cancels the task)");
});

for (const [more, words] of [
  [{ state: "suspended" }, /^a is suspended by its document.*vm-agent start a$/],
  [{ state: "stopped", online: true }, /^a is stopped by its document/],
  [{ paused: true }, /^a is offline, and paused by its document.*vm-agent resume a$/],
  [{ paused: true, online: true }, /^a is busy$/],
  [{ online: true, draining: true }, /^a finishes its tasks/],
  [{ state: undefined }, /^a is offline$/],
] as const)
  test(`a task waits because of ${JSON.stringify(more)}`, () => {
    const facts = { agent: "a", state: "running", paused: false, online: false, draining: false } as const;
    assert.match(taskWaits({ ...facts, ...more }), words);
  });
