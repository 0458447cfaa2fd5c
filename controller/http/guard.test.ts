/** guard.ts over real HTTP: authentication, and that no token leaks. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { TestRuntime } from "../hub/testing/hub.ts";
import { servedApi } from "./testing/served-api.ts";

const api = servedApi();

/** With a Host header of the test's choice, which fetch does not allow. */
function statusFor(headers: Record<string, string>, path = "/agents"): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = httpRequest({ host: "127.0.0.1", port: api.server.port, path, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asking.once("error", reject);
    asking.end();
  });
}

describe("the guard", () => {
  it("requires the operator's token everywhere but for /health, and throttles wrong ones only", async () => {
    assert.equal(statSync(join(api.world.home, "operator-token")).mode & 0o777, 0o600);
    const bare = { authorization: "" };
    for (const path of ["/agents", "/metrics", "/ready", "/audit", "/events", "/openapi.json", "/nothing"]) {
      const answer = await api.call("GET", path, undefined, bare);
      assert.equal(answer.status, 401, path);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.deepEqual([answer.body.code, typeof answer.body.next], ["not-authorised", "string"]);
      assert.ok(answer.headers.get("www-authenticate"));
    }
    for (let i = 0; i < 10; i++)
      await api.call("GET", "/agents", undefined, { authorization: "Bearer wrong" });
    const wrong = () => api.call("GET", "/agents", undefined, { authorization: "Bearer wrong" });
    const locked = await wrong();
    assert.deepEqual([locked.status, locked.body.code], [429, "locked-out"]);
    assert.ok(Number(locked.headers.get("retry-after")) > 200);
    assert.equal((await api.call("GET", "/health")).status, 200);
    assert.equal((await api.call("GET", "/agents")).status, 200, "the operator's own token");
    assert.equal((await wrong()).status, 429, "and it does not end the lockout of wrong ones");
    api.world.clock.advance(5 * 60_000 + 1);
    assert.equal((await wrong()).status, 401);
  });

  it("refuses other Hosts and web pages, and sends no CORS headers", async () => {
    const authorization = `Bearer ${api.token}`;
    const { port } = api.server;
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      assert.equal(await statusFor({ authorization, host }), 200, host);
    }
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80"]) {
      assert.equal(await statusFor({ authorization, host }), 403, host);
      assert.equal(await statusFor({ host }, "/health"), 403, host);
    }
    for (const origin of ["http://evil.example", "null", `http://localhost:${port}`]) {
      assert.equal((await api.call("GET", "/agents", undefined, { origin })).status, 403, origin);
    }
    const allowed = await api.call("GET", "/agents", undefined, { origin: "http://127.0.0.1:9092" });
    assert.equal(allowed.status, 200);
    assert.deepEqual(
      [...allowed.headers.keys()].filter((k) => k.startsWith("access-control")),
      [],
    );
  });

  it("leaves no token in audit, events, metrics and errors", async () => {
    const { body } = await api.call("POST", "/agents/register", { agentId: "a" });
    const client = new TestRuntime(String(body.wsUrl), "a");
    await client.next("status");
    await api.call("GET", "/agents", undefined, { authorization: "Bearer wrong-but-secret" });
    const seen = JSON.stringify([
      (await api.call("GET", "/audit")).body,
      (await api.call("GET", "/metrics")).body,
      (await api.call("GET", "/agents")).body,
      api.world.events,
      api.store.credentials.get("a"),
    ]);
    for (const secret of [api.token, String(body.token), "wrong-but-secret"])
      assert.ok(!seen.includes(secret));
  });
});
