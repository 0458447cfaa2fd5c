/** Launches that go wrong in a real sandbox: what they leave is started or removed, and no order waits for what cannot come. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { BUILDER, settings } from "./fleets.ts";
import { type CommandResult, type Fixture, createFixture, until } from "./harness.ts";

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
        assert.match(gone.stdout, /✓ agent-builder: gone/);
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
      assert.match(gone.stdout, /✓ agent-builder: gone/);
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
});
