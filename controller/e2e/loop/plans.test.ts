/** From outside, without a loop: saved plans, drift and why. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { checkPlan } from "../../../schemas/validate-plan.ts";
import type { Plan } from "../../core/types.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { type CommandResult, type Fixture, createFixture } from "../support/harness.ts";

const all = ({ code, stdout, stderr }: CommandResult): string => `exit ${code}\n${stdout}\n${stderr}`;
const flat = (text: string): string => text.replaceAll(/\s+/g, " ");

describe("saved plans, drift and why without a loop", () => {
  let fixture: Fixture;
  const file = () => join(fixture.folder, "plan.json");
  const planTo = async (...more: readonly string[]) => {
    const made = await fixture.cli("plan", "-o", file(), ...more);
    assert.equal(made.code, 0, all(made));
    return JSON.parse(await readFile(file(), "utf8")) as Plan;
  };
  const builder = (edit: (text: string) => string = (text) => text) =>
    fixture.write("agents/builder.yaml", edit(BUILDER));

  before(async () => {
    fixture = await createFixture({ "agents/builder.yaml": BUILDER, "fleet.yaml": settings() });
  });
  after(() => fixture.close());

  it("plan --json is as its schema says, and so is the file of plan -o", async () => {
    const { stdout } = await fixture.cli("plan", "--json");
    assert.deepEqual(checkPlan(JSON.parse(stdout)), []);
    const saved = await planTo();
    assert.deepEqual(checkPlan(saved), []);
    assert.deepEqual(saved.saved, { targets: [], allowDelete: [], seen: [] });
  });

  it("refuses unknown names, with a suggestion", async () => {
    const target = await fixture.cli("plan", "--target", "agent-bilder");
    assert.equal(target.code, 1);
    assert.match(target.stderr, /there is no agent "agent-bilder"; did you mean "agent-builder"\?/);
    const allow = await fixture.cli("apply", "--yes", "--allow-delete", "agent-bilder");
    assert.match(allow.stderr, /did you mean "agent-builder"/);
  });

  it("refuses files that are not such plans: where, what was found, what is allowed", async () => {
    const path = join(fixture.folder, "wrong.json");
    const plan = await planTo();
    const tell = async (value: unknown) => {
      await writeFile(path, typeof value === "string" ? value : JSON.stringify(value));
      const refused = await fixture.cli("apply", path, "--yes");
      assert.equal(refused.code, 1, all(refused));
      return refused.stderr;
    };
    assert.match(await tell({ ...plan, format: 2 }), /wrong\.json:\/format is 2; allowed: 1/);
    assert.match(
      await tell({ ...plan, chnages: [] }),
      /wrong\.json:\/chnages is not a field of a plan; did you mean "changes"/,
    );
    assert.match(
      await tell({ ...plan, revision: 7 }),
      /wrong\.json:\/revision is 7; allowed: text or nothing/,
    );
    assert.match(await tell("{"), /wrong\.json is not a plan/);
    const { saved: _, ...printed } = plan;
    assert.match(await tell(printed), /\/saved is missing; it is written by plan -o/);
    const missing = await fixture.cli("apply", join(fixture.folder, "none.json"), "--yes");
    assert.match(missing.stderr, /there is no file .*none\.json/);
    const both = await fixture.cli("apply", file(), "--yes", "--target", "agent-builder");
    assert.equal(both.code, 64, all(both));
  });

  it("applies what it holds, and is stale afterwards", async () => {
    await planTo();
    const applied = await fixture.cli("apply", file(), "--yes");
    assert.equal(applied.code, 0, all(applied));
    assert.deepEqual(await fixture.states(), { "agent-builder": "Running" });
    const again = await fixture.cli("apply", file(), "--yes");
    assert.equal(again.code, 1, all(again));
    assert.match(again.stderr, /agent-builder was not one of ours and is now \(Running\)/);
  });

  it("does what it holds and nothing beside it", async () => {
    await fixture.write("agents/other.yaml", BUILDER.replace("agent-builder", "agent-other"));
    await builder((text) => text.replace("cpu: 1", "cpu: 2"));
    await planTo("--target", "agent-builder");
    const applied = await fixture.cli("apply", file(), "--yes");
    assert.equal(applied.code, 0, all(applied));
    assert.equal((await fixture.multipass("get", "local.agent-builder.cpus")).stdout.trim(), "2");
    assert.deepEqual(await fixture.states(), { "agent-builder": "Running" });
    await fixture.remove("agents/other.yaml");
    await builder();
    assert.equal((await fixture.cli("apply", "--yes")).code, 0);
  });

  it("is refused when the fleet files moved", async () => {
    await builder((text) => text.replace("cpu: 1", "cpu: 2"));
    const saved = await planTo();
    await builder((text) => text.replace("cpu: 1", "cpu: 3"));
    const refused = await fixture.cli("apply", file(), "--yes");
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      new RegExp(`the fleet files: their hash was ${saved.desiredHash.slice(0, 12)} and is `),
    );
    assert.equal((await fixture.multipass("get", "local.agent-builder.cpus")).stdout.trim(), "1");
    await builder();
  });

  it("is refused when the world moved, and says what did", async () => {
    await builder((text) => text.replace("512M", "768M"));
    await planTo();
    assert.equal((await fixture.multipass("stop", "agent-builder")).code, 0);
    const stopped = await fixture.cli("apply", file(), "--yes");
    assert.equal(stopped.code, 1, all(stopped));
    assert.match(stopped.stderr, /agent-builder was Running and is Stopped/);
    await planTo();
    assert.equal((await fixture.multipass("set", "local.agent-builder.memory=768M")).code, 0);
    const resized = await fixture.cli("apply", file(), "--yes");
    assert.equal(resized.code, 1, all(resized));
    assert.match(resized.stderr, /agent-builder: /);
    await builder();
    const applied = await fixture.cli("apply", "--yes");
    assert.equal(applied.code, 0, all(applied));
  });

  it("drift: nothing, then something, and it writes nothing", async () => {
    const none = await fixture.cli("drift");
    assert.equal(none.code, 0, all(none));
    assert.match(none.stdout, /No drift\./);
    await fixture.multipass("stop", "agent-builder");
    const stopped = await fixture.cli("drift");
    assert.equal(stopped.code, 2, all(stopped));
    assert.match(stopped.stdout, /agent-builder .*state is stopped, desired running/);
    await fixture.multipass("delete", "--purge", "agent-builder");
    const gone = await fixture.cli("drift", "--json");
    assert.equal(gone.code, 2, all(gone));
    const { drifted } = JSON.parse(gone.stdout) as {
      drifted: readonly { agent: string; change: { seen: null } }[];
    };
    assert.deepEqual(
      drifted.map((d) => [d.agent, d.change.seen]),
      [["agent-builder", null]],
    );
    assert.equal((await fixture.cli("drift")).code, 2);
    await builder((text) => text.replace("cpu: 1", "cpu: 2"));
    assert.equal((await fixture.cli("apply", "--yes")).code, 0);
    await builder();
    const edited = await fixture.cli("drift");
    assert.equal(edited.code, 0, `an edit is no drift\n${all(edited)}`);
    const blind = await fixture.cliWith(
      { VM_AGENT_MULTIPASS: "/nowhere/multipass", VM_AGENT_DRIVER: "multipass" },
      "drift",
    );
    assert.equal(blind.code, 69, all(blind));
  });

  it("why: desired, observed, last and next", async () => {
    const why = await fixture.cli("why", "agent-builder");
    assert.equal(why.code, 0, all(why));
    const text = flat(why.stdout);
    assert.match(text, /agent-builder is OutOfSync and Unknown\./);
    assert.match(text, /Desired +running, 1 cpu, 512M memory, 2G disk \(.*fleet\/agents\/builder\.yaml:1\)/);
    assert.match(
      text,
      /Observed +Running, 2 cpu, .* \(sandbox, 0 s ago\); no hub runs, so its runtime is not heard/,
    );
    assert.match(
      text,
      /Last created at \d\d:\d\d:\d\d in \d+ s: drift: its instance is gone, and the fleet was not edited \(drift, corrected\)/,
    );
    assert.match(
      text,
      /Next at the next vm-agent apply or vm-agent up: restart-update \(cpu 2 → 1\), because .*builder\.yaml:1 was edited/,
    );
    const unknown = await fixture.cli("why", "agent-bilder");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /did you mean "agent-builder"/);
  });
});
