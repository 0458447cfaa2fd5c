/** Two fleets in two folders of one machine, no port written: both converge, and both keep their ports over a restart. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { FLEET_DEFAULTS } from "../../core/desired-values.ts";
import { type Fixture, createFixture, until } from "../support/harness.ts";

const agent = (name: string) => `kind: Agent\nname: ${name}\ncpu: 1\nmemory: 256M\ndisk: 1G\n`;
const KEYS = ["agent", "http", "dashboard"] as const;
const { agentPort, httpPort, dashboardPort } = FLEET_DEFAULTS.hub;
const USUAL_PORTS: readonly number[] = [agentPort, httpPort, dashboardPort];

/** null: another program has it. */
const hold = (port: number): Promise<Server | null> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });

test("two fleets find their own ports, converge, and keep them over a restart", async (t) => {
  // Another test, or another program, may have them; then they are busy for both fleets.
  const held = await Promise.all(USUAL_PORTS.map(hold));
  t.after(() => held.forEach((server) => void server?.close()));
  const env = { VM_AGENT_HTTP_PORT: "", VM_AGENT_WS_PORT: "", VM_AGENT_DASHBOARD_PORT: "" };
  const fixtures: Fixture[] = [];
  t.after(() => Promise.all(fixtures.map((fixture) => fixture.close())));
  // The same name in both: only the port tells whose it is.
  for (const own of ["first", "second"])
    fixtures.push(
      await createFixture({ "a.yaml": agent("shared"), "b.yaml": agent(own) }, { env, upWithin: 120_000 }),
    );
  const portsOf = async ({ home }: Fixture) => {
    const file = JSON.parse(await readFile(join(home, "hub.json"), "utf8")) as Record<string, string>;
    return KEYS.map((key) => Number(new URL(file[key] ?? "").port));
  };
  const start = async () => {
    const ups = await Promise.all(fixtures.map((fixture) => fixture.up()));
    for (const [n, up] of ups.entries())
      await until(
        `fleet ${n} converges`,
        async () => {
          const { agents } = await up.api.getFleet();
          return (
            agents.length === 2 && agents.every((a) => a.sync === "Synced" && a.runtime?.status === "online")
          );
        },
        240_000,
      );
    return ups;
  };

  const ups = await start();
  const ports = await Promise.all(fixtures.map(portsOf));
  assert.equal(new Set(ports.flat()).size, 6, `each has its own: ${ports}`);
  for (const port of ports.flat()) assert.ok(!USUAL_PORTS.includes(port), `${ports}`);
  for (const [n, up] of ups.entries())
    assert.match(
      up.output(),
      new RegExp(`keeps its own from now on: agents ${ports[n]?.[0]}, API ${ports[n]?.[1]}`),
    );
  for (const up of ups) assert.equal(await up.end(), 0);

  // The usual ones are free now, and still not taken: instances look for their hub elsewhere.
  for (const server of held) server?.close();
  const again = await start();
  assert.deepEqual(await Promise.all(fixtures.map(portsOf)), ports);
  for (const up of again) {
    const { entries } = await up.api.listAudit({ action: "auth.failed" });
    assert.deepEqual(entries, [], "no runtime came to the other fleet's hub");
  }
  const [first, second] = again;
  await second?.end();
  assert.deepEqual(
    (await first?.api.getFleet())?.agents.map((a) => a.runtime?.status),
    ["online", "online"],
  );

  // The port that the instances know is busy: nothing is taken instead, and the reason is said.
  const taken = await hold(ports[1]?.[0] ?? 0);
  const refused = fixtures[1]?.spawn("up", "--plain");
  let printed = "";
  refused?.stderr?.on("data", (data) => (printed += String(data)));
  const code = await new Promise((resolve) => refused?.on("close", resolve));
  taken?.close();
  assert.equal(code, 1);
  assert.match(
    printed,
    new RegExp(`port ${ports[1]?.[0]} is in use .* instances of this fleet look for their hub`),
  );
  await first?.end();
});
