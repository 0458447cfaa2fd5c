/** For tests: an API that listens, and a runtime that runs one task, whose output the test speaks itself. */
import type { TestContext } from "node:test";
import type { Limits } from "../../hub/limits.ts";
import { connected, startHub } from "../../hub/testing/hub.ts";
import type { Store } from "../../store/store.ts";
import { createApp } from "../app.ts";
import { listenHttp } from "../server.ts";
import { tokenOf } from "./served-api.ts";

/** What the test has open towards it is closed by a hook of its own, before this is called: hooks run in order. */
export async function runningTask(t: TestContext, store: Store, limits: Partial<Limits> = {}) {
  const world = await startHub(store, limits);
  const { hub } = world;
  const { port, stop } = await listenHttp({ app: createApp({ hub }), hub, bind: "127.0.0.1", port: 0 });
  t.after(async () => {
    await stop(200);
    await world.stop();
  });
  const runtime = await connected(hub, "a");
  const spec = { type: "exec", command: "say" };
  const { task } = await hub.requests.submit("a", { spec, actor: "test", idempotencyKey: null });
  const frame = await runtime.next("task");
  runtime.accept(frame, "running");
  return { hub, port, token: tokenOf(world), runtime, frame, task };
}
