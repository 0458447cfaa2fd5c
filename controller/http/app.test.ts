/** app.ts over real HTTP: events as a stream, metrics, the loop behind it, and its description of itself. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connected, startHub } from "../hub/testing/hub.ts";
import { createApp } from "./app.ts";
import { listenHttp } from "./server.ts";
import { EMPTY_FLEET } from "./testing/a-fleet.ts";
import { exec, type SseEvent, servedApi, tokenOf } from "./testing/served-api.ts";

const api = servedApi();

describe("the rest of the API", () => {
  it("refuses a method that a known path does not take, and names those that it takes", async () => {
    await connected(api.world.hub, "a");
    const rows: readonly (readonly [string, string, string])[] = [
      ["PUT", "/agents/a", "DELETE, GET, HEAD"],
      ["PUT", "/agents/a/task", "POST"],
      ["GET", "/agents/a/task", "POST"],
      ["DELETE", "/tasks", "GET, HEAD, POST"],
      ["PATCH", "/health", "GET, HEAD"],
    ];
    for (const [method, path, allow] of rows) {
      const answer = await fetch(`http://127.0.0.1:${api.server.port}${path}`, {
        method,
        headers: { authorization: `Bearer ${api.token}` },
      });
      const { code, next } = (await answer.json()) as { readonly code: string; readonly next: string };
      const got = [answer.status, code, answer.headers.get("allow")];
      assert.deepEqual(got, [405, "method-not-allowed", allow], `${method} ${path}`);
      assert.match(next, /^it takes /);
    }
    assert.equal((await api.call("GET", "/nothing")).body.code, "not-found");
    assert.equal((await api.call("GET", "/agents/a")).body.agent?.id, "a");
  });

  it("streams events, resumes where the reader was, and says so when it cannot", async () => {
    let opened = () => {};
    const isOpen = new Promise<void>((resolve) => (opened = resolve));
    const live = api.readStream("/events", null, (all) => {
      opened();
      return all.length >= 2;
    });
    await isOpen;
    await connected(api.world.hub, "a");
    const [open, online] = await live;
    assert.equal(open?.event, "open");
    // A reader that was cut off right behind its beginning misses nothing.
    assert.deepEqual((await api.readStream("/events", open?.id ?? "", (all) => all.length >= 1))[0], online);
    assert.equal(online?.event, "runtime.online");
    assert.equal(online?.data.agent, "a");
    await api.call("POST", "/agents/a/task", exec());
    const [next] = await api.readStream("/events", online?.id ?? "", (all) => all.length >= 1);
    assert.deepEqual([next?.event, next?.data.state], ["task.changed", "sent"]);
    for (let i = 0; i < 5; i++) await api.call("POST", "/agents/a/task", exec());
    const [reset] = await api.readStream("/events", online?.id ?? "", (all) => all.length >= 1);
    assert.equal(reset?.event, "reset");
    assert.equal((await api.readStream("/events", "earlier-1", (all) => all.length >= 1))[0]?.event, "reset");
  });

  it("tells a reader that comes back after a restart of the hub that events were missed", async () => {
    await connected(api.world.hub, "a");
    const [last] = await api.readStream("/events", "0-0", (all) =>
      all.some((e) => e.event === "runtime.online"),
    );
    assert.ok(last);
    const before = (await api.call("GET", "/events/recent")).body.events as unknown as SseEvent[];
    await api.server.stop(200);
    await api.world.stop();
    // The same clock: not the time of the start tells the runs apart.
    api.world = await startHub(api.store, { eventRing: 3 }, api.world.clock);
    api.token = tokenOf(api.world);
    const app = createApp({ hub: api.world.hub });
    api.server = await listenHttp({ app, hub: api.world.hub, bind: "127.0.0.1", port: 0 });
    const resumed = before.at(-1)?.id ?? "";
    const [reset] = await api.readStream("/events", resumed, (all) => all.length >= 1);
    assert.deepEqual([reset?.event, reset?.id], ["reset", resumed]);
    assert.match(String(reset?.data.reason), /read the state again/);
    assert.equal((await api.call("GET", `/events/recent?cursor=${resumed}`)).body.complete, false);
    await api.call("POST", "/agents/a/task", exec());
    const [, first] = await api.readStream("/events", resumed, (all) => all.length >= 2);
    assert.deepEqual([first?.event, first?.data.state], ["task.changed", "queued"]);
    const rest = await api.readStream(
      "/events",
      `${first?.id}`.replace(/\d+$/, "0"),
      (all) => all.length >= 1,
    );
    assert.equal(rest[0]?.event, "task.changed");
  });

  it("has every metric at zero from the start", async () => {
    const { text } = (await api.call("GET", "/metrics")).body as { text: string };
    for (const line of [
      'vm_hub_messages_total{type="task",direction="out"} 0',
      'vm_hub_agents{status="online"} 0',
      "vm_hub_active_tasks 0",
      "vm_hub_queue_depth 0",
      'vm_hub_tasks_total{state="lost"} 0',
      'vm_hub_task_duration_seconds_count{type="exec"} 0',
      'vm_multipass_call_failures_total{command="launch"} 0',
      'vm_controller_reconciles_total{outcome="failed"} 0',
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
  });

  it("passes on to the loop, and describes itself", async () => {
    assert.deepEqual((await api.call("GET", "/fleet")).body, EMPTY_FLEET);
    assert.deepEqual((await api.call("GET", "/plan")).body, null);
    assert.equal((await api.call("POST", "/reconcile", { names: ["a"] })).status, 202);
    assert.deepEqual(api.requeued.at(-1), ["a"]);
    assert.equal((await api.call("POST", "/apply", {})).body.code, "controller-absent");
    assert.equal((await api.call("GET", "/ready")).status, 200);
    assert.equal((await api.call("GET", "/audit/verify")).body.intact, true);
    const openapi = JSON.stringify((await api.call("GET", "/openapi.json")).body);
    for (const [, reference = ""] of openapi.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      let at: unknown = JSON.parse(openapi);
      for (const key of reference.split("/")) at = (at as Record<string, unknown>)?.[key];
      assert.ok(at, `${reference} leads somewhere`);
    }
    assert.equal((await api.call("GET", "/nothing")).status, 404);
  });

  it("says when no loop runs here", async () => {
    await api.server.stop(200);
    api.server = await listenHttp({
      app: createApp({ hub: api.world.hub }),
      hub: api.world.hub,
      bind: "127.0.0.1",
      port: 0,
    });
    const { status, body } = await api.call("GET", "/plan");
    assert.deepEqual([status, body.code], [503, "controller-absent"]);
    await assert.rejects(
      listenHttp({
        app: createApp({ hub: api.world.hub }),
        hub: api.world.hub,
        bind: "127.0.0.1",
        port: api.server.port,
      }),
      { code: "port-in-use" },
    );
  });
});
