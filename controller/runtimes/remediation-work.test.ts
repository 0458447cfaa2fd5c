/** Remedies on a modelled Multipass: what is looked at between two of their calls. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Loop } from "../loop/loop.ts";
import { edit, start } from "../loop/simulation/running-loop.ts";

test("between the stop and the start of a restart it is looked at once more", async () => {
  const agents = [{ name: "a", remediate: ["restart-instance"] as const }];
  const scene = await start(agents);
  const instance = await scene.running({ name: "a" });
  instance.helloAt = Number.POSITIVE_INFINITY;
  const looks = new Map<string, number>();
  scene.onCall = ({ kind }) => looks.set(kind, scene.lists);
  edit(scene, agents);
  scene.loop.start();
  await scene.clock.until("it is started again", () => looks.has("start"), 3_600_000);
  assert.ok((looks.get("start") ?? 0) > (looks.get("stop") ?? 0), "a list between the two");
  await scene.clock.advance(60_000);
  await scene.loop.stop();
});

test("a controller whose time is over restarts no runtime, and gives out no join token", async () => {
  const agents = [{ name: "a", remediate: ["restart-runtime"] as const }];
  const scene = await start(agents);
  const instance = await scene.running({ name: "a" });
  edit(scene, agents);
  const nonce = scene.port.memory.credentials.get("a");
  scene.port.memory.credentials.set("a", "of the newer one");
  const ownership = { isOwned: () => true, hubPort: () => 9090 };
  const loop = new Loop({ ...scene.deps, ownership });
  loop.start();
  await scene.clock.advance(1_000);
  instance.helloAt = Number.POSITIVE_INFINITY;
  await scene.store.nextFence();
  await scene.clock.advance(600_000);
  assert.notEqual(nonce, undefined);
  assert.deepEqual([...scene.calls], []);
  assert.equal(scene.port.memory.credentials.get("a"), "of the newer one");
  await loop.stop();
});

for (const when of ["while it is tried", "after it was tried"] as const)
  test(`a nudge ${when} ${when === "while it is tried" ? "does not make it be tried twice" : "tries it again at once"}`, async () => {
    const agents = [{ name: "a", remediate: ["restart-runtime"] as const }];
    const scene = await start(agents);
    const instance = await scene.running({ name: "a" });
    instance.helloAt = Number.POSITIVE_INFINITY;
    scene.world.onBoot.add((i) => {
      i.helloAt = Number.POSITIVE_INFINITY;
    });
    const count = (name: string) =>
      scene.events.filter((e) => e.name === name && (e.data as { step?: string }).step === "restart-runtime")
        .length;
    const tries = () => count("step.started");
    edit(scene, agents);
    scene.onCall = () => {
      // Other calls only look inside.
      if (when === "while it is tried" && tries() > count("step.done")) scene.loop.requeue([]);
    };
    scene.loop.start();
    await scene.clock.until("it is tried", () => tries() > 0, 3_600_000);
    await scene.clock.advance(5_000);
    if (when === "after it was tried") scene.loop.requeue([]);
    const before = tries();
    await scene.clock.advance(60_000);
    assert.equal(before, 1);
    assert.equal(tries() > before, when === "after it was tried");
    await scene.loop.stop();
  });

test("a runtime that speaks while its instance is asked whose it is, is not restarted", async () => {
  const agents = [{ name: "a", remediate: ["restart-runtime"] as const }];
  const scene = await start(agents);
  const instance = await scene.running({ name: "a" });
  instance.helloAt = Number.POSITIVE_INFINITY;
  edit(scene, agents);
  const ownership = { isOwned: () => true, hubPort: () => 9090 };
  let asked = false;
  const exec: typeof scene.driver.exec = (...args) => {
    if (loop.inFlight.has("a")) {
      asked = true;
      instance.helloAt = 0;
    }
    return scene.driver.exec(...args);
  };
  const loop = new Loop({ ...scene.deps, driver: { ...scene.driver, exec }, ownership });
  loop.start();
  await scene.clock.until("it is asked", () => asked, 3_600_000);
  await scene.clock.advance(60_000);
  const restarts = scene.events.filter((e) => e.name === "step.started" && e.data.step === "restart-runtime");
  assert.deepEqual(restarts, []);
  assert.equal(loop.queue.failure("a"), undefined);
  await loop.stop();
});

test("guests that become visible again after an outage get their grace: silence begins when they could speak", async () => {
  const agents = [{ name: "a", remediate: ["restart-runtime"] as const }];
  const scene = await start(agents);
  const instance = await scene.running({ name: "a" });
  edit(scene, agents);
  scene.loop.start();
  await scene.clock.advance(1_000);
  // The daemon is stopped and suspends its guests; a list fails for ten minutes.
  instance.helloAt = Number.POSITIVE_INFINITY;
  const list = scene.driver.list;
  Object.assign(scene.driver, {
    list: async () => ({ kind: "unobservable", reason: "cannot connect", next: "wait" }),
  });
  await scene.clock.advance(600_000);
  Object.assign(scene.driver, { list });
  scene.loop.wake();
  await scene.clock.until("it sees again", () => scene.loop.last?.observed.instances.kind === "seen");
  const seenAt = scene.clock.now();
  const startedAt = () =>
    scene.events.find((e) => e.name === "step.started" && e.data.step === "restart-runtime")?.at;
  await scene.clock.until("it is helped", () => startedAt() !== undefined, 600_000);
  // health.offlineAfter is 90 s.
  assert.ok(
    (startedAt() ?? 0) - seenAt >= 89_000,
    `${(startedAt() ?? 0) - seenAt} ms after it was seen again`,
  );
  await scene.loop.stop();
});

test("the hold of a guest that does not answer says that the steps of health.remediate do not apply to it", async () => {
  const agents = [{ name: "a", remediate: ["restart-instance"] as const }];
  const scene = await start(agents);
  const instance = await scene.running({ name: "a" });
  edit(scene, agents);
  const exec = () => Promise.reject(new Error("ssh connection failed"));
  const driver = { ...scene.deps.driver, exec };
  const loop = new Loop({ ...scene.deps, driver, ownership: { isOwned: () => true, hubPort: () => 9090 } });
  loop.start();
  await scene.clock.advance(1_000);
  instance.helloAt = Number.POSITIVE_INFINITY;
  const held = () => loop.last?.plan.held.find((h) => h.agent === "a");
  await scene.clock.until("it is held", () => held() !== undefined, 3_600_000);
  assert.match(
    held()?.message ?? "",
    /cannot be asked: .*ssh connection failed; the steps of health\.remediate apply only after that proof$/,
  );
  assert.match(held()?.release ?? "", /multipass stop --force a/);
  assert.deepEqual([...scene.calls], []);
  await loop.stop();
});
