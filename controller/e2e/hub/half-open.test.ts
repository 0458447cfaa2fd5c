/** 2,000 half-open connections against `up` with 1,024 descriptors: the operator's calls, the loop and the runtimes go on. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { descriptorLimit } from "../../base/process/descriptors.ts";
import type { HalfOpen, HalfOpenCounts } from "../../hub/testing/half-open.ts";
import { createFixture, MAIN, until } from "../support/harness.ts";

const DESCRIPTORS = 1024;
const ATTACKERS = 2000;
const agent = (name: string) => `kind: Agent\nname: ${name}\ncpu: 1\nmemory: 1G\ndisk: 5G\n`;
const skip =
  process.platform !== "linux"
    ? "the descriptors of another process are counted in /proc"
    : descriptorLimit() < 2 * ATTACKERS && "this machine's own limit is too low for the attack";

test("2,000 half-open connections leave the operator, the loop and the runtimes their descriptors", {
  skip,
}, async (t) => {
  const fixture = await createFixture({ "first.yaml": agent("first") });
  const shell = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`;
  const up = spawn("/bin/sh", ["-c", shell, process.execPath, MAIN, "up", "--plain"], {
    env: fixture.env as NodeJS.ProcessEnv,
    cwd: fixture.folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [up.stdout, up.stderr]) stream.on("data", (data) => (printed += String(data)));
  const ended = new Promise((resolve) => up.on("close", resolve));
  let watching: NodeJS.Timeout | undefined;
  t.after(async () => {
    clearInterval(watching);
    up.kill("SIGKILL");
    await ended;
    await fixture.close();
  });
  const hub = await until(
    "the hub",
    () => {
      assert.equal(up.exitCode, null, printed);
      return JSON.parse(readFileSync(join(fixture.home, "hub.json"), "utf8")) as Record<string, string>;
    },
    120_000,
  );
  const ready = (name: string) =>
    until(
      `${name} is ready\n${printed}`,
      async () => {
        const { code, stdout, stderr } = await fixture.cli("list", "--json");
        assert.equal(code, 0, stderr);
        const { agents } = JSON.parse(stdout) as { agents: { name: string; runtime?: { status: string } }[] };
        return agents.some((a) => a.name === name && a.runtime?.status === "online");
      },
      180_000,
    );
  await ready("first");

  let counts: HalfOpenCounts = { opened: 0, cut: 0 };
  const workerData: HalfOpen = {
    ports: [hub.http, hub.dashboard, hub.agent].map((url) => Number(new URL(url ?? "").port)),
    connections: ATTACKERS,
  };
  const attacker = new Worker(new URL("../../hub/testing/half-open.js", import.meta.url), { workerData });
  t.after(() => attacker.terminate());
  attacker.on("message", (now: HalfOpenCounts) => {
    counts = now;
  });
  let most = 0;
  watching = setInterval(() => {
    most = Math.max(most, readdirSync(`/proc/${up.pid}/fd`).length);
  }, 20);
  await until("the attack", () => counts.opened >= ATTACKERS, 120_000);

  // The loop calls Multipass and reads files, a new runtime comes in, and tasks run, all with the attack going on.
  await fixture.write("second.yaml", agent("second"));
  await ready("second");
  for (const name of ["first", "second"]) {
    const { code, stdout, stderr } = await fixture.cli("exec", name, "--", "echo", "done");
    assert.equal(code, 0, `${stderr}\n${printed}`);
    assert.match(stdout, /done/);
  }
  const before = counts.cut;
  await until("more of the attack", () => counts.cut > before, 120_000);
  assert.equal((await fixture.cli("exec", "first", "--", "true")).code, 0);
  if (process.env.VM_AGENT_TEST_FIGURES)
    t.diagnostic(`${most} of ${DESCRIPTORS} descriptors at most, ${counts.opened} opened, ${counts.cut} cut`);
  assert.ok(most < DESCRIPTORS - 100, `${most} of ${DESCRIPTORS} descriptors were in use`);
  assert.doesNotMatch(printed, /EMFILE|ENFILE/);
});
