/** A followed log: the runtime is restarted and the hub killed meanwhile, and no line is missing or repeated. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createFixture, until } from "../support/harness.ts";

interface Line {
  readonly seq: number;
  readonly message: string;
}

test("logs: followed over the end of runtime and hub; read from the instance; nothing is started", async (t) => {
  const fixture = await createFixture({
    "agent.yaml":
      "kind: Agent\nname: agent-1\ncapabilities: [build]\nstate: running\ncpu: 1\nmemory: 1G\ndisk: 5G\n",
  });
  t.after(() => fixture.close());
  let up = await fixture.up();
  const online = () =>
    until("the runtime is online", async () => {
      const { agent } = await up.api.get<{ agent: { connected: boolean } }>("/agents/agent-1/status");
      return agent.connected;
    });
  await online();
  const follower = fixture.spawn("logs", "agent-1", "--follow", "--json", "--lines", "5");
  let printed = "";
  follower.stdout?.on("data", (data: Buffer) => (printed += data.toString()));
  const lines = () =>
    printed
      .split("\n")
      .slice(0, -1)
      .map((text) => JSON.parse(text) as Line);
  const reported = (what: string, count = 1) =>
    until(`${what} ${count} times`, () => lines().filter((l) => l.message.includes(what)).length >= count);
  await reported("connected to");

  const ran = await fixture.cli("exec", "agent-1", "--", "true");
  assert.equal(ran.code, 0, ran.stderr);
  await reported("(exec) runs");
  const restarted = await fixture.multipass(
    "exec",
    "agent-1",
    "--",
    "sudo",
    "systemctl",
    "restart",
    "vm-agent",
  );
  assert.equal(restarted.code, 0, restarted.stderr);
  await reported("vm-agent runtime", 2);
  await online();
  await up.end("SIGKILL");
  up = await fixture.up();
  await reported("connected to", 3);
  assert.equal((await fixture.cli("exec", "agent-1", "--", "true")).code, 0);
  await reported("(exec) runs", 2);
  follower.kill("SIGINT");

  const seqs = lines().map((line) => line.seq);
  assert.deepEqual(
    seqs,
    Array.from({ length: seqs.length }, (_, n) => (seqs[0] ?? 0) + n),
  );
  const page = await fixture.cli("logs", "agent-1", "--lines", "3");
  assert.equal(page.stdout.trim().split("\n").length, 3);
  const state = join(fixture.home, "sandbox");
  const credential = readdirSync(state, { recursive: true, encoding: "utf8" }).find((name) =>
    name.endsWith("var/lib/vm-agent/credential"),
  );
  assert.ok(credential);
  assert.ok(!printed.includes(readFileSync(join(state, credential), "utf8").trim()));

  const direct = await fixture.cli("logs", "agent-1", "--direct", "--lines", "50");
  assert.match(direct.stdout, /vm-agent runtime \S+ for agent-1/);
  assert.equal((await fixture.cli("logs", "no-such")).code, 1);

  // Several agents at once: lines under their agent's name, and a failure of one is a failure.
  const give = (command: string, ...how: readonly string[]) =>
    fixture.cli("task", ...how, JSON.stringify({ type: "exec", command }));
  const many = await give("printf 'one\\ntwo'", "--all", "--wait");
  assert.deepEqual([many.code, many.stdout], [0, "agent-1 | one\nagent-1 | two\n"], many.stderr);
  assert.equal((await give("exit 7", "--capability", "build")).code, 7);
  const none = await give("true", "--selector", "type=dancer,team=web");
  assert.deepEqual([none.code, /agent-1: its type is "/.test(none.stderr)], [1, true], none.stderr);
  await up.end();
  await fixture.multipass("stop", "agent-1");
  const refused = await fixture.cli("logs", "agent-1", "--direct");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /is Stopped/);
  assert.deepEqual(await fixture.states(), { "agent-1": "Stopped" });
});
