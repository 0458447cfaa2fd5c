/** Launches that go wrong in a real sandbox: what they leave is started or removed, and no order waits for what cannot come. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { BUILDER, settings } from "../support/fleets.ts";
import { type CommandResult, type Fixture, createFixture, until } from "../support/harness.ts";

const NAME = "agent-builder";

async function withFaults(
  rules: readonly object[],
  work: (fixture: Fixture, faults: string) => Promise<void>,
): Promise<void> {
  const fixture = await createFixture({ "fleet.yaml": settings(), "builder.yaml": BUILDER });
  const faults = join(fixture.folder, "faults.json");
  try {
    await writeFile(faults, JSON.stringify({ rules }));
    await work(fixture, faults);
  } finally {
    await fixture.close();
  }
}

const text = ({ stdout, stderr, code }: CommandResult): string => `exit ${code}\n${stdout}\n${stderr}`;

describe("a launch that goes wrong", () => {
  it("and leaves a Stopped instance: apply starts it", () =>
    withFaults([{ command: "launch", fault: "boot-crash", times: 1 }], async (fixture, faults) => {
      const env = { VM_AGENT_SANDBOX_FAULTS: faults };
      const applied = await fixture.cliWith(env, "apply", "--yes");
      assert.equal(applied.code, 0, text(applied));
      assert.deepEqual(await fixture.states(), { [NAME]: "Running" });
    }));

  it("for good: apply ends, counts it, and destroy --force removes what it left", () =>
    withFaults(
      [
        { command: "launch", fault: "boot-crash" },
        { command: "start", fault: "boot-crash" },
      ],
      async (fixture, faults) => {
        const env = { VM_AGENT_SANDBOX_FAULTS: faults };
        const applied = await fixture.cliWith(env, "apply", "--yes");
        assert.equal(applied.code, 1, text(applied));
        assert.match(applied.stderr, /failed: agent-builder/);
        assert.deepEqual(await fixture.states(), { [NAME]: "Stopped" });
        const gone = await fixture.cliWith(env, "destroy", NAME, "--force");
        assert.equal(gone.code, 0, text(gone));
        assert.match(gone.stdout, /✓ agent-builder: removed/);
        assert.deepEqual(await fixture.states(), {});
      },
    ));

  it("in cloud-init, so that no runtime comes and nothing is inside: destroy --force takes effect while it is waited for", () =>
    withFaults([{ command: "launch", fault: "no-node" }], async (fixture, faults) => {
      const up = await fixture.up({ VM_AGENT_SANDBOX_FAULTS: faults });
      await until(
        "it is waited for",
        async () => (await up.api.getFleet()).agents[0]?.work?.step === "await-ready",
        90_000,
      );
      const emptied = await fixture.multipass("exec", NAME, "--", "sudo", "rm", "-rf", "/etc/vm-agent");
      assert.equal(emptied.code, 0, text(emptied));
      // Far less than VM_AGENT_READY_TIMEOUT, which is 10 minutes.
      const ended = fixture.cli("destroy", NAME, "--force");
      await until("it is gone", async () => !(NAME in (await fixture.states())), 120_000);
      const gone = await ended;
      assert.equal(gone.code, 0, text(gone));
      assert.match(gone.stdout, /✓ agent-builder: removed/);
      await up.end();
    }));

  it("another fleet's instance under the same name is still there after destroy, which says so and exits 3", () =>
    withFaults([{ command: "launch", fault: "no-node" }], async (fixture, faults) => {
      const up = await fixture.up({ VM_AGENT_SANDBOX_FAULTS: faults });
      await until(
        "it is waited for",
        async () => (await up.api.getFleet()).agents[0]?.work?.step === "await-ready",
        90_000,
      );
      const script = `sed -i 's/"nonce": *"[^"]*"/"nonce":"of-another-fleet"/' /etc/vm-agent/runtime.json`;
      const changed = await fixture.multipass("exec", NAME, "--", "sudo", "sh", "-c", script);
      assert.equal(changed.code, 0, text(changed));
      const held = await fixture.cli("destroy", NAME, "--force");
      assert.equal(held.code, 3, text(held));
      assert.match(text(held), /vm-agent multipass delete --purge agent-builder/);
      assert.doesNotMatch(text(held), /gone$/m);
      assert.equal((await fixture.states())[NAME], "Running");
      await up.end();
    }));

  it("in its provisioning: apply exits 1 and names the line, its dependent is held with the reason, up counts it", async () => {
    const fixture = await createFixture({
      "fleet.yaml": settings(),
      "builder.yaml": `${BUILDER}provision: {run: ["exit 7"]}\n`,
      "tester.yaml":
        "kind: Agent\nname: agent-tester\ncpu: 1\nmemory: 256M\ndisk: 1G\ndependsOn: [agent-builder]\n",
    });
    try {
      const applied = await fixture.cli("apply", "--yes");
      assert.equal(applied.code, 1, text(applied));
      assert.match(applied.stderr, /failed: agent-builder \(provision\.run\[0\] exited with 7: exit 7\)/);
      assert.match(applied.stdout, /agent-builder: ✗ its provisioning failed: provision\.run\[0\]/);
      assert.doesNotMatch(applied.stdout, /✓ done/);
      assert.match(applied.stdout, /Applied 0 of 2 changes, 1 failed, 1 held/);
      assert.deepEqual(await fixture.states(), { [NAME]: "Running" });
      const plan = await fixture.cli("plan");
      assert.match(plan.stdout, /depends on agent-builder, whose provisioning failed: provision\.run\[0\]/);
      assert.equal((await fixture.cli("apply", "--yes")).code, 1);
      const up = await fixture.up();
      await until("it says how the fleet is", () => / after .*Hub http/.test(up.output()), 90_000);
      assert.match(up.output(), /2 agents: 0 in sync, 1 failed, 1 held or waiting/);
      await up.end();
    } finally {
      await fixture.close();
    }
  });

  it("that is tried again and again: apply says until when it waits, and ends then", () =>
    withFaults([{ command: "launch", fault: "no-node" }], async (fixture, faults) => {
      const env = {
        VM_AGENT_SANDBOX_FAULTS: faults,
        VM_AGENT_READY_TIMEOUT: "2",
        VM_AGENT_APPLY_TIMEOUT: "8",
      };
      const applied = await fixture.cliWith(env, "apply", "--yes");
      assert.equal(applied.code, 1, text(applied));
      assert.match(text(applied), /waiting for agent-builder \(.*\), until \d\d:\d\d:\d\d at the latest/);
      assert.match(applied.stderr, /failed: agent-builder \(.*has not said hello/);
    }));
});
