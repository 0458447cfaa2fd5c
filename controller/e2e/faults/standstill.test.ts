/** Time that passes for one side only: the real runtime stopped and woken, and each of a task's three timeouts, judged by the real hub. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { Guest } from "../../../agent/testing/guest.ts";
import { aConfig, startHub, until } from "../../hub/testing/hub.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";

const POSIX = { skip: process.platform === "win32" && "needs signals" };

async function scene(t: TestContext) {
  const store = createMemoryStore();
  const world = await startHub(store, { reconnectShortest: 50, reconnectLongest: 200 });
  const { hub, clock } = world;
  const guest = new Guest("agent-a", hub.agentPort);
  const joinToken = await hub.enrol("agent-a", "nonce-1");
  hub.configure("agent-a", aConfig());
  const { agentPort: port } = hub;
  const settings = { agent: "agent-a", nonce: "nonce-1", joinToken, hub: [`127.0.0.1:${port}`], port };
  guest.write("/etc/vm-agent/runtime.json", JSON.stringify(settings));
  mkdirSync(guest.path("/home/ubuntu"), { recursive: true });
  t.after(async () => {
    guest.child?.kill("SIGCONT");
    await guest.kill("SIGKILL");
    await world.stop();
    rmSync(guest.root, { recursive: true, force: true });
  });
  const agent = hub.agent("agent-a");
  return {
    hub,
    clock,
    guest,
    store,
    agent,
    async start(nodeArgs: readonly string[] = []) {
      await guest.start(process.execPath, nodeArgs);
      await until("the runtime", () => agent.ready, 20_000);
    },
    async give(spec: Readonly<Record<string, unknown>>) {
      const given = { spec: { type: "exec", ...spec }, actor: "test", idempotencyKey: null };
      return (await hub.requests.submit("agent-a", given)).task.id;
    },
    reaches: (id: string, state: string) =>
      until(
        `${id} to be ${state}`,
        () => {
          const task = hub.engine.get(id);
          return task?.state === state ? task : null;
        },
        20_000,
      ),
    home: (name: string) => guest.path(`/home/ubuntu/${name}`),
  };
}

test("queue, start and run timeouts are three, and each ends its task in its own way", POSIX, async (t) => {
  const { hub, clock, guest, agent, store, start, give, reaches, home } = await scene(t);
  const queued = await give({ command: "touch queued", timeouts: { queue: 5000, start: 1, run: 1 } });
  clock.advance(4000);
  assert.equal(hub.engine.get(queued)?.state, "queued");
  clock.advance(2000);
  assert.match(String((await reaches(queued, "expired")).error), /not delivered within 5000 ms/);

  await start();
  const ran = await give({
    command: "echo begun; sleep 600",
    timeouts: { queue: 1, start: 60_000, run: 300 },
  });
  const { result } = await reaches(ran, "timed-out");
  assert.deepEqual([result?.timedOut, result?.stdout], [true, "begun\n"]);

  // A runtime that is connected and does nothing.
  guest.child?.kill("SIGSTOP");
  const sent = await give({
    command: "touch sent; sleep 600; touch never",
    timeouts: { queue: 1, start: 5000, run: 600_000 },
  });
  assert.equal(hub.engine.get(sent)?.state, "sent");
  clock.advance(6000);
  assert.match(String((await reaches(sent, "expired")).error), /not begun within 5000 ms/);
  const { lateAnswers } = hub.engine;
  guest.child?.kill("SIGCONT");
  // It reads the task and its cancel at once: whatever it did with it changes nothing any more, and is recorded.
  await until("its late answer", () => hub.engine.lateAnswers > lateAnswers, 20_000);
  assert.equal(hub.engine.get(sent)?.state, "expired");
  const late = await until("its entry", () =>
    store.audit
      .list(0, 1000)
      .find(({ action, subject }) => action === "task.late-answer" && subject === sent),
  );
  assert.equal(late.detail.state, "expired");
  assert.equal((await reaches(await give({ command: "echo on" }), "succeeded")).result?.stdout, "on\n");
  assert.deepEqual([existsSync(home("queued")), existsSync(home("never"))], [false, false]);
  assert.equal(agent.queue.inFlight.size, 0);
});

test(
  "stopped for longer than its hub waits: it comes back, tells what ended meanwhile, and nothing runs twice",
  POSIX,
  async (t) => {
    const { hub, clock, guest, agent, start, give, reaches, home } = await scene(t);
    await start();
    const count =
      'echo x >> "$HOME/count"; until [ -e "$HOME/go" ]; do sleep 0.02; done; echo done > "$HOME/end"; echo out';
    const id = await give({ command: count });
    const waiting = await give({ command: 'echo x >> "$HOME/second"' });
    await reaches(id, "running");
    await until("its first line", () => existsSync(home("count")), 20_000);
    guest.child?.kill("SIGSTOP");
    await until(
      "the hub to give the connection up",
      () => {
        clock.advance(1000);
        return agent.connection === null && agent.status === "offline";
      },
      20_000,
    );
    writeFileSync(home("go"), "");
    // The task is a process of its own: it goes on, and ends, while its runtime stands still.
    await until("its end", () => existsSync(home("end")), 20_000);
    assert.deepEqual([hub.engine.get(id)?.state, hub.engine.get(waiting)?.state], ["running", "queued"]);
    guest.child?.kill("SIGCONT");
    const done = await reaches(id, "succeeded");
    assert.deepEqual([done.epoch, done.result?.stdout], [1, "out\n"]);
    await reaches(waiting, "succeeded");
    assert.deepEqual(
      ["count", "second"].map((name) => readFileSync(home(name), "utf8")),
      ["x\n", "x\n"],
    );
    assert.equal(agent.status, "online");
  },
);

/**
 * A wall clock that SIGUSR2 sets to the value of a file, in hours from the true time; each reading of the runtime is
 * reported.
 */
const FAKE_CLOCK = (folder: string): string => `
  const { readFileSync, writeFileSync } = require("node:fs");
  const [now, every] = [Date.now, setInterval];
  let hours = 0;
  Date.now = () => now() + hours * 3_600_000;
  globalThis.setInterval = (work, ms) => every(() => {
    work();
    if (hours !== 0) writeFileSync(${JSON.stringify(`${folder}/seen-`)} + hours, "");
  }, ms);
  process.on("SIGUSR2", () => { hours = Number(readFileSync(${JSON.stringify(`${folder}/hours`)}, "utf8")); });
`;

test(
  "a clock that jumps by days: what runs goes on within its own time, once, and so does what comes",
  POSIX,
  async (t) => {
    const { hub, guest, agent, start, give, reaches, home } = await scene(t);
    const file = guest.path("/clock.cjs");
    writeFileSync(file, FAKE_CLOCK(guest.root));
    await start(["--require", file]);
    const count = 'echo x >> "$HOME/count"; until [ -e "$HOME/go" ]; do sleep 0.02; done; echo out';
    const id = await give({ command: count, timeouts: { run: 600_000 } });
    await reaches(id, "running");
    await until("its first line", () => existsSync(home("count")), 20_000);
    for (const hours of [48, -72]) {
      writeFileSync(guest.path("/hours"), String(hours));
      guest.child?.kill("SIGUSR2");
      await until(`its watch to see ${hours} hours`, () => existsSync(guest.path(`/seen-${hours}`)), 30_000);
      await until("the runtime", () => agent.ready, 30_000);
      assert.equal(hub.engine.get(id)?.state, "running");
    }
    writeFileSync(home("go"), "");
    const done = await reaches(id, "succeeded");
    assert.deepEqual([done.epoch, done.result?.stdout], [1, "out\n"]);
    assert.equal((await reaches(await give({ command: "echo on" }), "succeeded")).result?.stdout, "on\n");
    assert.equal(readFileSync(home("count"), "utf8"), "x\n");
  },
);
