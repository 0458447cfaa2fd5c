/** effects.ts: launches that end in every way, readiness by proof, and what each effect leaves in the store. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { desiredView } from "../core/diff/fields.ts";
import type { VmAgentError } from "../base/errors.ts";
import { agentOf, claimOf } from "../core/testing/build.ts";
import type { Step } from "../core/types.ts";
import { owned } from "./claims.ts";
import { runEffect } from "./effects.ts";
import { SNAPSHOTS_KEY, type SizeRow, sizeKey, vanishedKey } from "../store/keys.ts";
import { type Scene, changeOf, createScene } from "../loop/simulation/scene.ts";

const A = agentOf({ name: "a" });
const step = (kind: Step["kind"], more: Partial<Step> = {}): Step => ({
  kind,
  agent: "a",
  requires: [],
  satisfied: [],
  ...more,
});

/** Runs one effect to its end; the code that it rejected with, or null. */
async function run(scene: Scene, what: Step, signal = new AbortController().signal): Promise<string | null> {
  let ended: { readonly code: string | null } | null = null;
  const context = { agent: A, change: { ...changeOf("create", A), after: desiredView(A) }, signal };
  void runEffect(scene.deps, what, context).then(
    () => {
      ended = { code: null };
    },
    (error: VmAgentError) => {
      ended = { code: error.code };
    },
  );
  await scene.clock.until("the effect is over", () => ended !== null);
  return (ended as { readonly code: string | null } | null)?.code ?? null;
}

describe("a claim", () => {
  it("keeps the nonce of a launch that may still be on its way, and has a new one after anything else", async () => {
    const scene = await createScene([{ name: "a" }]);
    await run(scene, step("claim"));
    const first = scene.claim("a");
    assert.deepEqual([first?.phase, first?.proven, first?.converged], ["launching", false, null]);
    await run(scene, step("claim"));
    assert.equal(scene.claim("a")?.nonce, first?.nonce);
    await scene.store.claims.put(claimOf("a", null, { nonce: "old" }), scene.deps.fence);
    await run(scene, step("claim"));
    assert.notEqual(scene.claim("a")?.nonce, "old");
  });
});

describe("a launch", () => {
  const claimed = async () => {
    const scene = await createScene([{ name: "a" }]);
    await run(scene, step("claim"));
    return scene;
  };

  it("records itself, and the size that it was made with", async () => {
    const scene = await claimed();
    await scene.store.kv.put(vanishedKey("a"), { at: 0 });
    assert.equal(await run(scene, step("launch")), null);
    assert.deepEqual([scene.claim("a")?.phase, scene.claim("a")?.proven], ["launched", false]);
    assert.deepEqual((scene.store.kv.get(sizeKey("a")) as SizeRow).size, A.size);
    assert.equal(scene.store.kv.get(vanishedKey("a")), undefined);
    assert.equal(scene.world.get("a")?.nonce, scene.claim("a")?.nonce);
  });

  it("without a claim is refused", async () => {
    const scene = await createScene([{ name: "a" }]);
    assert.equal(await run(scene, step("launch")), "not-ours");
    assert.deepEqual(scene.calls, []);
  });

  it("whose instance something else removed meanwhile says so", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.store.kv.put(vanishedKey("a"), { at: 1 });
    const gone = { code: "not-ours", message: /^the instance "a" is gone: something else removed it/ };
    assert.throws(() => owned({ store: scene.store, fence: scene.deps.fence }, "a"), gone);
    assert.equal(await run(scene, step("await-ready")), "not-ours");
  });

  for (const image of ["missing"])
    it(`that is refused leaves nothing: no claim, no token (${image})`, async () => {
      const scene = await claimed();
      const { launch } = scene.driver;
      scene.driver.launch = (spec, ...rest) => launch({ ...spec, image }, ...rest);
      assert.equal(await run(scene, step("launch")), "image-unknown");
      assert.equal(scene.claim("a"), undefined);
      assert.equal(scene.port.memory.credentials.has("a"), false);
    });

  it("of a name that exists leaves that instance alone and the claim unproven", async () => {
    const scene = await claimed();
    const unowned = scene.world.add({ name: "a", maker: "stranger", nonce: "x", size: A.size });
    assert.equal(await run(scene, step("launch")), "instance-exists");
    assert.equal(scene.world.get("a"), unowned);
    assert.deepEqual([scene.claim("a")?.phase, scene.claim("a")?.proven], ["launching", false]);
  });

  it("that is reported as failed keeps the claim: the instance may come yet", async () => {
    const scene = await claimed();
    scene.faults.set("launch", ["lie"]);
    assert.equal(await run(scene, step("launch")), "driver-unreachable");
    assert.equal(scene.claim("a")?.phase, "launching");
    await scene.clock.advance(60_000);
    assert.equal(scene.world.get("a")?.nonce, scene.claim("a")?.nonce);
    assert.equal(await run(scene, step("launch")), "instance-exists", "and is not doubled");
  });

  it("that hangs until the deadline keeps the claim too", async () => {
    const scene = await claimed();
    scene.faults.set("launch", [{ wedge: 400_000 }]);
    assert.equal(await run(scene, step("launch")), "driver-timeout");
    assert.equal(scene.claim("a")?.phase, "launching");
  });

  it("tells of its progress", async () => {
    const scene = await claimed();
    const reported: string[] = [];
    const deps = {
      ...scene.deps,
      onProgress: (agent: string, text: string) => reported.push(`${agent} ${text}`),
    };
    await run({ ...scene, deps }, step("launch"));
    assert.deepEqual(reported, ["a Retrieving image: 50%"]);
  });
});

describe("ready", () => {
  it("is the hello of the runtime with the right nonce and name", async () => {
    const scene = await createScene([{ name: "a" }]);
    await run(scene, step("claim"));
    await run(scene, step("launch"));
    assert.equal(await run(scene, step("await-ready")), null);
    assert.deepEqual([scene.claim("a")?.phase, scene.claim("a")?.proven], ["launched", true]);
  });

  for (const [what, nonce] of [
    ["another nonce", "another-owner"],
    ["no nonce", ""],
  ] as const)
    it(`never comes with ${what}, even from a hub that lets everybody in`, async () => {
      const scene = await createScene([{ name: "a" }], {}, { trusting: true });
      await run(scene, step("claim"));
      await scene.port.enrol("a", "whatever");
      scene.world.boot(scene.world.add({ name: "a", maker: "stranger", nonce, size: A.size }));
      assert.equal(await run(scene, step("await-ready")), "not-ready");
      assert.equal(scene.port.readings()[0]?.status, "online");
      assert.equal(scene.claim("a")?.proven, false);
    });

  it("is waited for no longer than it was said, and not after a stop", async () => {
    const scene = await createScene([{ name: "a" }]);
    await run(scene, step("claim"));
    const before = scene.clock.now();
    assert.equal(await run(scene, step("await-ready")), "not-ready");
    assert.equal(scene.clock.now() - before, scene.deps.readyTimeoutMs);
    const abort = new AbortController();
    scene.clock.call(500, () => abort.abort(new Error("stopped")));
    await run(scene, step("await-ready"), abort.signal);
    assert.equal(scene.clock.now() - before, scene.deps.readyTimeoutMs + 500);
    assert.deepEqual(scene.clock.pending, [], "nothing is left that would wake later");
  });
});

describe("other effects", () => {
  it("a snapshot that exists is not taken again", async () => {
    const scene = await createScene([{ name: "a" }]);
    scene.world.put(await scene.running({ name: "a" }), "Stopped");
    const snapshot = step("snapshot", { snapshot: { name: "s", comment: "" } });
    await scene.store.kv.put(SNAPSHOTS_KEY, { at: 0, all: {} });
    assert.equal(await run(scene, snapshot), null);
    assert.equal(await run(scene, snapshot), null);
    assert.deepEqual(scene.calls, ["snapshot a"]);
    assert.equal(scene.store.kv.get(SNAPSHOTS_KEY), undefined, "what was known of snapshots is read again");
  });

  it("a resize makes the size that was read void", async () => {
    const scene = await createScene([{ name: "a" }]);
    scene.world.put(await scene.running({ name: "a" }), "Stopped");
    await scene.store.kv.put(sizeKey("a"), {
      size: A.size,
      nonce: "n",
      state: "Stopped",
      bootId: null,
      at: 0,
    });
    assert.equal(await run(scene, step("resize", { field: "cpu", value: 4 })), null);
    assert.equal(scene.world.get("a")?.size.cpu, 4);
    assert.equal(scene.store.kv.get(sizeKey("a")), undefined);
  });

  it("a start notes when its boot began, before it begins", async () => {
    const scene = await createScene([{ name: "a" }]);
    scene.world.put(await scene.running({ name: "a" }), "Stopped");
    const now = scene.clock.now();
    scene.onCall = () => assert.equal(scene.claim("a")?.bootAt, now);
    assert.equal(await run(scene, step("start")), null);
    assert.deepEqual(scene.calls, ["start a"]);
  });

  it("converged is what is written now, and its claim is that of a launched one", async () => {
    const scene = await createScene([{ name: "a" }]);
    await run(scene, step("claim"));
    assert.equal(await run(scene, step("converged")), null);
    const claim = scene.claim("a");
    assert.deepEqual([claim?.phase, claim?.converged?.cpu], ["launched", A.size.cpu]);
  });
});
