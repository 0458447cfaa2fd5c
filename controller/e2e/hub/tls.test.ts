/** TLS on every port of a real system, with certificates made for the test: who connects, who is refused, what stops the start. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import WebSocket from "ws";
import { pinnedConnection, splitPin } from "../../../agent/session/pinned.ts";
import { VmAgentError } from "../../base/errors.ts";
import { loadTls } from "../../base/tls.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, createFixture, until } from "../support/harness.ts";

const openssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe("TLS", { skip: openssl ? false : "needs openssl to make certificates" }, () => {
  let fixture: Fixture;
  let env: Record<string, string>;
  const at = (name: string) => join(fixture.folder, name);
  /** A self-signed certificate for a name that no address of this machine has. */
  const certificate = (name: string) => {
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=hub.example",
        "-keyout",
        at(`${name}.key`),
        "-out",
        at(`${name}.pem`),
      ],
      { stdio: "ignore" },
    );
    return { cert: at(`${name}.pem`), key: at(`${name}.key`) };
  };

  before(async () => {
    fixture = await createFixture({ "builder.yaml": BUILDER, "fleet.yaml": settings() });
    const { cert, key } = certificate("hub");
    certificate("other");
    env = { VM_AGENT_TLS_CERT: cert, VM_AGENT_TLS_KEY: key };
  });
  after(() => fixture.close());

  it("an unusable pair is reported at start, before a port is opened", async () => {
    const failsWith = (code: string, cert: string, key: string, now = Date.now()) =>
      assert.throws(
        () => loadTls({ cert, key }, now),
        (error: unknown) => error instanceof VmAgentError && error.code === code && error.next !== "",
        code,
      );
    const { VM_AGENT_TLS_CERT: cert = "", VM_AGENT_TLS_KEY: key = "" } = env;
    assert.match(loadTls({ cert, key }, Date.now()).fingerprint, /^[0-9a-f]{64}$/);
    failsWith("tls-key-mismatch", cert, at("other.key"));
    failsWith("tls-unreadable", cert, at("nothing.key"));
    failsWith("tls-unreadable", at("nothing.pem"), key);
    failsWith("tls-invalid", key, key);
    failsWith("tls-invalid", cert, cert);
    failsWith("tls-expired", cert, key, Date.now() + 3 * 86_400_000);
    failsWith("tls-not-yet-valid", cert, key, Date.now() - 86_400_000);
    const started = await fixture.cli("up", "--tls-cert", cert, "--tls-key", at("other.key"));
    assert.equal(started.code, 1);
    assert.match(started.stderr, /is not that of the certificate/);
    assert.equal((await fixture.cli("up", "--tls-cert", cert)).code, 64);
    assert.equal((await fixture.cliWith({ VM_AGENT_TLS_KEY: key }, "list")).code, 64);
  });

  it("runtime, commands, API and dashboard speak it; what speaks plainly, or has another certificate, gets nothing", async () => {
    const child = fixture.spawnUp(env);
    const closed = once(child, "close");
    try {
      await until(
        "the runtime is online",
        async () => /agent-builder .*online/.test((await fixture.cli("list")).stdout),
        40_000,
      );
      const hub = JSON.parse(readFileSync(join(fixture.home, "hub.json"), "utf8")) as {
        http: string;
        agent: string;
        dashboard: string;
        fingerprint: string;
      };
      assert.match(`${hub.http} ${hub.dashboard} ${hub.agent}`, /^https:\S+ https:\S+ wss:\S+$/);
      const task = await fixture.cli("exec", "agent-builder", "--", "echo", "over TLS");
      assert.deepEqual([task.code, task.stdout], [0, "over TLS\n"], task.stderr);

      const path = readdirSync(fixture.home, { recursive: true, encoding: "utf8" }).find((name) =>
        name.endsWith("etc/vm-agent/runtime.json"),
      );
      const runtime = JSON.parse(readFileSync(join(fixture.home, path ?? ""), "utf8")) as {
        hub: readonly string[];
      };
      const { address, pin } = splitPin(String(runtime.hub[0]));
      assert.equal(pin, hub.fingerprint);
      // A browser or a strict client does not know this certificate.
      await assert.rejects(fetch(new URL("/health", hub.http)));
      for (const url of [hub.http, hub.dashboard, hub.agent.replace("wss", "https")])
        await assert.rejects(plainly(url.replace("https", "http")), /ECONNRESET|hang up|Parse Error/);
      const socket = new WebSocket(address, { createConnection: pinnedConnection("0".repeat(64)) as never });
      const [refused] = (await once(socket, "error")) as [Error];
      assert.match(refused.message, /another certificate/);
    } finally {
      child.kill("SIGTERM");
      await closed;
    }
  });

  it("nothing is sent to a server that took the hub's place", async () => {
    let asked = 0;
    const imposter = createServer(
      { cert: readFileSync(at("other.pem")), key: readFileSync(at("other.key")) },
      (_, response) => {
        asked += 1;
        response.end("{}");
      },
    ).listen(0, "127.0.0.1");
    await once(imposter, "listening");
    const http = `https://127.0.0.1:${(imposter.address() as AddressInfo).port}`;
    const { fingerprint } = loadTls(
      { cert: String(env.VM_AGENT_TLS_CERT), key: String(env.VM_AGENT_TLS_KEY) },
      Date.now(),
    );
    writeFileSync(
      join(fixture.home, "hub.json"),
      JSON.stringify({ pid: 1, http, agent: "", dashboard: "", fingerprint }),
    );
    const task = await fixture.cli("exec", "agent-builder", "--", "true");
    assert.equal(task.code, 69, task.stdout + task.stderr);
    assert.equal(asked, 0);
    imposter.close();
  });
});

function plainly(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    }).once("error", reject);
  });
}
