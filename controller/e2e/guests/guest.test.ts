/** Guests in which something is wrong: the condition says what was found inside, and what can be mended by itself is. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { packageRoot } from "../../base/paths.ts";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const agent = (name: string, more = ""): string =>
  `kind: Agent\nname: ${name}\ncpu: 1\nmemory: 256M\ndisk: 1G\n${more}`;

const RUN = 'provision: {run: ["echo fine", "exit 7"]}\n';
const RUNPARTS = "('scripts_user', RuntimeError('Runparts: 1 failures (runcmd) in 1 attempted commands'))";
const isolated =
  spawnSync("bwrap", ["--unshare-user", "--unshare-net", "--ro-bind", "/", "/", "true"]).status === 0;

describe("a guest in which something is wrong", () => {
  let fixture: Fixture;
  let up: Up;

  const view = async (name: string) =>
    (await up.api.get<FleetView>("/fleet")).agents.find((a) => a.name === name);
  const ready = async (name: string) => (await view(name))?.conditions.find((c) => c.type === "Ready");
  const says = (name: string, what: RegExp) =>
    until(
      `${name} says ${what}`,
      async () => {
        const condition = await ready(name);
        if (condition && what.test(condition.message)) return condition;
        throw new Error(JSON.stringify(condition));
      },
      60_000,
    );
  const healthy = (name: string) =>
    until(`${name} is Healthy`, async () => (await view(name))?.health === "Healthy", 60_000);
  const inGuest = (name: string, path: string) =>
    join(fixture.home, "sandbox", "instances", name, "root", path);
  const BUNDLE = "usr/local/lib/vm-agent/runtime.mjs";
  const bundle = readFileSync(join(packageRoot(), "dist", "agent", "runtime.mjs"), "utf8");
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");

  before(async () => {
    fixture = await createFixture({
      "fleet.yaml": settings().replace("parallelism: 2", "parallelism: 6"),
      "well.yaml": agent("well"),
      "ci/quoted.cfg":
        '#cloud-config\nwrite_files: [{path: /opt/true, content: "true"}]\nruncmd: ["exit 3"]\n',
      "agents.yaml": [
        agent("nodeless"),
        agent("failing", RUN),
        agent("broken"),
        agent("quoted", 'provision: {cloudInit: ./ci/quoted.cfg, run: ["echo ran > /tmp/ran"]}\n'),
        agent("alone"),
        agent("worn", "health: {offlineAfter: 10s, remediate: [restart-runtime]}\n"),
      ].join("---\n"),
    });
    const faults = join(fixture.folder, "faults.json");
    const rule = (name: string, fault: string, message?: string) => ({
      command: "launch",
      name,
      fault,
      message,
    });
    const rules = [
      rule("nodeless", "no-node"),
      rule("failing", "cloud-init-error", RUNPARTS),
      rule("broken", "service-fails", "cannot start: token=abcdefgh12345678"),
      ...(isolated ? [rule("alone", "no-network")] : []),
    ];
    writeFileSync(faults, JSON.stringify({ rules }));
    up = await fixture.up({ VM_AGENT_SANDBOX_FAULTS: faults, VM_AGENT_READY_TIMEOUT: "8" });
  });
  after(async () => {
    await up?.end();
    await fixture.close();
  });

  it("no Node: said as soon as it is known, and what to do; with a Node it comes up by itself", async () => {
    const { status, message } = await says("nodeless", /no Node 18 or newer in the guest: /);
    assert.equal(status, "False");
    assert.match(message, /vm-agent\.service is activating \(auto-restart\), it ended with 69/);
    const failed = await until("the step fails", async () => (await view("nodeless"))?.failure);
    assert.match(failed.next, /choose an image that has it/);
    if (!isolated) return;
    // The guest's own /usr/local, as if one was installed there by hand.
    const node = inGuest("nodeless", "usr/local/bin/node");
    writeFileSync(node, readFileSync(process.execPath), { mode: 0o755 });
    await healthy("nodeless");
  });

  it("a service that does not start: its state and its last words, without what looks like a secret", async () => {
    const { message } = await says("broken", /vm-agent\.service is activating/);
    assert.match(message, /it ended with 1, was started again \d+ times/);
    assert.match(message, /its log ends: cannot start: token=\*\*\*/);
    const logs = await fixture.cli("logs", "broken", "--direct", "--lines", "2");
    assert.match(logs.stdout, /cannot start/);
  });

  it("a hub that the guest cannot reach", {
    skip: !isolated && "there is no network of its own without bubblewrap",
  }, async () => {
    const { message } = await says(
      "alone",
      /it cannot reach the hub: 127\.0\.0\.1:\d+ \(Connection refused\)/,
    );
    assert.match(message, /vm-agent\.service is active \(running\)/);
  });

  it("provisioning that failed: the runtime is there and says so, in the words of cloud-init", async () => {
    const { status, reason, message } = await says("failing", /Runparts: 1 failures/);
    assert.deepEqual([status, reason], ["True", "ProvisionFailed"]);
    if (isolated) assert.match(message, /provision\.run\[1\] exited with 7/);
    assert.equal((await view("failing"))?.health, "Degraded");
    const { agents } = JSON.parse((await fixture.cli("list", "--json")).stdout);
    const note = agents.find((a: { readonly name: string }) => a.name === "failing")?.note;
    assert.match(note, /^its runtime says: .*Runparts: 1 failures/);
    assert.match((await fixture.cli("status", "failing")).stdout, /^ {2}Trouble +its runtime says: /m);
    const task = await fixture.cli("task", "failing", '{"type":"exec","command":"echo it works"}');
    assert.equal(task.stdout, "it works\n");
  });

  it("the author's cloud-init: a content that needs its quotes arrives, and what runs after an exit in its commands", async () => {
    await until("it is online", async () => (await view("quoted"))?.runtime?.status === "online", 60_000);
    assert.equal(readFileSync(inGuest("quoted", "opt/true"), "utf8"), "true");
    if (!isolated) return;
    await says("quoted", /runcmd of provision\.cloudInit exited with 3/);
    assert.equal(readFileSync(inGuest("quoted", "tmp/ran"), "utf8"), "ran\n");
  });

  it("a runtime that is too old for an upgrade over its connection is installed again, after its tasks", async () => {
    await healthy("well");
    // Paused, nothing is put in its place before it was looked at.
    await fixture.write("well.yaml", agent("well", "paused: true\n"));
    await until("it is paused", async () => (await view("well"))?.sync === "Paused");
    const older = bundle.replace('["messages","log","upgrade"]', '["messages","log"]');
    assert.notEqual(older, bundle);
    writeFileSync(inGuest("well", BUNDLE), older);
    const restarted = await fixture.multipass(
      "exec",
      "well",
      "--",
      "sudo",
      "systemctl",
      "restart",
      "vm-agent",
    );
    assert.equal(restarted.code, 0, restarted.stderr);
    const { status, reason } = await says("well", /not the controller's own version: the agent is paused/);
    assert.deepEqual([status, reason], ["False", "RuntimeOutdated"]);
    await fixture.write("well.yaml", agent("well"));
    await until(
      "the bundle is the controller's",
      () => readFileSync(inGuest("well", BUNDLE), "utf8") === bundle,
      60_000,
    );
    const reading = async () => (await up.api.getReadings()).readings.find((r) => r.agent === "well");
    await until("it says hello", async () => {
      const now = await reading();
      return now?.status === "online" && now.bundleHash === hash(bundle) && !now.upgrade;
    });
    assert.equal((await says("well", /its runtime is online/)).status, "True");
    const log = readFileSync(join(fixture.home, "sandbox", "calls.jsonl"), "utf8");
    assert.doesNotMatch(log, /joinToken/);
  });

  it("a runtime whose bundle cannot be run any more is put in place by the ladder", async () => {
    await healthy("worn");
    writeFileSync(inGuest("worn", BUNDLE), "throw new Error('this is no runtime');\n");
    await fixture.multipass("exec", "worn", "--", "sudo", "systemctl", "restart", "vm-agent");
    await until("it is offline", async () => (await view("worn"))?.runtime?.status === "offline");
    // Remediation attempts may have been used up; a request allows the next one at once.
    await fixture.cli("reconcile", "worn");
    await until(
      "the bundle is the controller's",
      async () => {
        if (readFileSync(inGuest("worn", BUNDLE), "utf8") === bundle) return true;
        throw new Error(JSON.stringify(await view("worn")));
      },
      60_000,
    );
    await healthy("worn");
  });
});
