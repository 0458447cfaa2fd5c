/** What cloud-init left is told with the heartbeat, by the real bundle: of the versions of Debian 12, of Ubuntu 24.04, and broken. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { Guest } from "./testing/guest.ts";
import { FakeHub } from "./testing/fake-hub.ts";
import { until } from "./testing/until.ts";

const STATUS = "/run/cloud-init/status.json";
const stage = { errors: [], start: 1, finished: 2 };
const runparts = "('scripts_user', RuntimeError('Runparts: 1 failures (runcmd) in 1 attempted commands'))";
const deprecated = { DEPRECATED: ["chpasswd multiline string is deprecated"] };

const CASES = [
  ["22.4, well", { init: stage, "modules-final": stage, stage: null }, [], []],
  [
    "22.4, failed",
    { init: stage, "modules-final": { ...stage, errors: [runparts] }, stage: null },
    [`cloud-init: ${runparts}`],
    [],
  ],
  [
    "24.4, degraded",
    {
      init: { ...stage, recoverable_errors: deprecated },
      "modules-final": { ...stage, recoverable_errors: { WARNING: ["Failed to install\n  packages"] } },
      stage: null,
    },
    [],
    ["cloud-init: Failed to install packages"],
  ],
  ["nonsense", "[]", [], []],
] as const;

/** A guest whose cloud-init says this, and its last heartbeat. */
async function setup(t: TestContext, heartbeatMs: number, first: unknown) {
  const hub = new FakeHub({ credential: "credential-1", policy: { heartbeatMs } });
  await hub.start();
  t.after(() => hub.stop());
  const guest = new Guest("agent-a", hub.port);
  t.after(async () => {
    await guest.kill("SIGKILL");
    rmSync(guest.root, { recursive: true, force: true });
  });
  const put = (v1: unknown) => guest.write(STATUS, typeof v1 === "string" ? v1 : JSON.stringify({ v1 }));
  put(first);
  await guest.start();
  const beats = () => hub.received.filter((frame) => frame.type === "health").map(({ payload }) => payload);
  await until(() => beats().length > 0, "the first heartbeat");
  return { put, beats };
}

test("what cloud-init left is in the heartbeat", async (t) => {
  const { put, beats } = await setup(t, 50, "nothing yet");
  for (const [what, v1, problems, warnings] of CASES) {
    put(v1);
    const before = beats().length;
    // The one after the next was begun when the file was there.
    const last = await until(() => beats()[before + 1], what);
    assert.deepEqual([last.problems, last.warnings], [problems, warnings], what);
  }
});

test("while cloud-init runs its end is waited for, and not told a whole heartbeat later", async (t) => {
  const { put, beats } = await setup(t, 10 * 60_000, { "modules-final": stage, stage: "modules-final" });
  assert.deepEqual(beats()[0]?.problems, []);
  put({ "modules-final": { ...stage, errors: [runparts] }, stage: null });
  const second = await until(() => beats()[1], "a second heartbeat");
  assert.deepEqual(second.problems, [`cloud-init: ${runparts}`]);
});
