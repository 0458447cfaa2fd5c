/**
 * The heartbeat reports cloud-init's result, with the real bundle: results of Debian 12 and Ubuntu 24.04, and damaged
 * files.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { Guest } from "../testing/guest.ts";
import { FakeHub } from "../testing/fake-hub.ts";
import { until } from "../testing/until.ts";

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
  return { guest, put, beats };
}

test("what cloud-init left is in the heartbeat", async (t) => {
  const { guest, put, beats } = await setup(t, 50, "nothing yet");
  for (const [what, v1, problems, warnings] of CASES) {
    guest.write("/var/lib/vm-agent/cloud-init-errors.json", "{}");
    put(v1);
    const before = beats().length;
    // The one after the next was begun when the file was there.
    const last = await until(() => beats()[before + 1], what);
    assert.deepEqual([last.problems, last.warnings], [problems, warnings], what);
  }
});

test("while cloud-init runs, its end is reported at once, not one heartbeat later", async (t) => {
  const { put, beats } = await setup(t, 10 * 60_000, { "modules-final": stage, stage: "modules-final" });
  assert.deepEqual(beats()[0]?.problems, []);
  put({ "modules-final": { ...stage, errors: [runparts] }, stage: null });
  const second = await until(() => beats()[1], "a second heartbeat");
  assert.deepEqual(second.problems, [`cloud-init: ${runparts}`]);
});

/** The heartbeat after the next: it was begun after whatever was done before. */
async function nextBeat(beats: () => readonly Readonly<Record<string, unknown>>[], what: string) {
  const before = beats().length;
  return until(() => beats()[before + 1], what);
}

test("a first boot that failed is remembered by the instance, over later boots, until its part has run again", async (t) => {
  const failed = [`cloud-init: ${runparts}`];
  const well = { init: stage, "modules-final": stage, stage: null };
  const { guest, put, beats } = await setup(t, 50, {
    ...well,
    "modules-final": { ...stage, errors: [runparts] },
  });
  const reboot = async () => {
    await guest.kill("SIGKILL");
    rmSync(guest.path("/run"), { recursive: true, force: true });
    await guest.start();
  };
  assert.deepEqual((await nextBeat(beats, "a heartbeat")).problems, failed);
  await reboot();
  assert.deepEqual((await nextBeat(beats, "before cloud-init has begun")).problems, failed);
  put(well);
  assert.deepEqual((await nextBeat(beats, "after a boot without errors")).problems, failed);
  const name = guest.read("/var/lib/cloud/data/instance-id");
  guest.write("/var/lib/cloud/data/instance-id", "another\n");
  assert.deepEqual((await nextBeat(beats, "of another instance")).problems, []);
  guest.write("/var/lib/cloud/data/instance-id", name);
  assert.deepEqual((await nextBeat(beats, "of this one")).problems, failed);
  // As provision-script.ts does when all of it has run.
  guest.write("/var/lib/vm-agent/cloud-init-errors.json", "{}");
  assert.deepEqual((await nextBeat(beats, "after a run in place")).problems, []);
  await reboot();
  put({ ...well, "modules-final": { ...stage, errors: ["another failure"] } });
  assert.deepEqual((await nextBeat(beats, "after another failure")).problems, [
    "cloud-init: another failure",
  ]);
  await reboot();
  assert.deepEqual((await nextBeat(beats, "a boot later")).problems, ["cloud-init: another failure"]);
  put(well);
  guest.write("/var/lib/cloud/instance/sem/config_scripts_user", "");
  assert.deepEqual((await nextBeat(beats, "after cloud-init clean and a boot that did it")).problems, []);
});
