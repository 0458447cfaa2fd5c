/** From outside, beside a loop that runs: why, pause and resume, and a saved plan. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import type { WhyFacts } from "../../views/why.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { type CommandResult, type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const REPLICAS = `kind: Agent
name: web
replicas: 2
cpu: 1
memory: 256M
disk: 1G
state: stopped
`;

const all = ({ code, stdout, stderr }: CommandResult): string => `exit ${code}\n${stdout}\n${stderr}`;

describe("why, pause and a saved plan beside a loop", () => {
  let fixture: Fixture;
  let up: Up;
  const fleet = () => up.api.get<FleetView>("/fleet");
  const agent = async (name: string) => (await fleet()).agents.find((a) => a.name === name);
  const settled = (name: string) =>
    until(`${name} is in sync`, async () => {
      const found = await agent(name);
      return found?.sync === "Synced" && !found.work;
    });
  const why = async (name: string) => {
    const asked = await fixture.cli("why", name, "--json");
    assert.equal(asked.code, 0, all(asked));
    return JSON.parse(asked.stdout) as WhyFacts & {
      readonly sentences: readonly { label: string; text: string }[];
    };
  };

  before(async () => {
    fixture = await createFixture({
      "agents/builder.yaml": `${BUILDER}# the end\n`,
      "agents/web.yaml": REPLICAS,
      "fleet.yaml": settings(),
    });
    up = await fixture.up();
    await settled("agent-builder");
    await settled("web-2");
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  it("why tells of the runtime, and that nothing is to be done", async () => {
    const { sentences } = await why("agent-builder");
    const text = Object.fromEntries(sentences.map((s) => [s.label, s.text]));
    assert.match(
      text.Observed ?? "",
      /^Running, .*\(sandbox, \d+ s ago\); runtime \S+ connected, heartbeat \d+ s ago$/,
    );
    assert.match(text.Last ?? "", /^created at .*builder\.yaml:1 is new$/);
    assert.equal(text.Next, "nothing to do: it is in sync, and the loop keeps it so");
  });

  it("pause holds: the file keeps its bytes, the loop keeps its hands off; resume releases", async () => {
    const path = join(fixture.fleet, "agents", "builder.yaml");
    const original = await readFile(path, "utf8");
    const paused = await fixture.cli("pause", "agent-builder");
    assert.equal(paused.code, 0, all(paused));
    assert.match(paused.stdout, /agent-builder is paused.*\nThe running loop has read it\./);
    assert.equal(
      await readFile(path, "utf8"),
      original.replace("name: agent-builder\n", "name: agent-builder\npaused: true\n"),
    );
    await until("the loop knows", async () => (await agent("agent-builder"))?.sync === "Paused");
    await fixture.multipass("stop", "agent-builder");
    await until(
      "it is seen and held",
      async () => (await agent("agent-builder"))?.held[0]?.reason === "paused",
    );
    const { turns } = await fleet();
    await until("two more looks", async () => (await fleet()).turns > turns + 1);
    assert.equal((await fixture.states())["agent-builder"], "Stopped");
    const { sentences } = await why("agent-builder");
    assert.equal(sentences.at(-1)?.text, "nothing: it is paused; vm-agent resume agent-builder");
    assert.match((await fixture.cli("pause", "agent-builder")).stdout, /already; no file was changed/);
    const resumed = await fixture.cli("resume", "agent-builder");
    assert.equal(resumed.code, 0, all(resumed));
    assert.equal(await readFile(path, "utf8"), original);
    await until("it runs again", async () => (await fixture.states())["agent-builder"] === "Running");
    await settled("agent-builder");
    assert.match(
      (await why("agent-builder")).sentences.find((s) => s.label === "Last")?.text ?? "",
      /^started at .*\(drift, corrected\)$/,
    );
  });

  it("pauses a document, not one of its replicas", async () => {
    const one = await fixture.cli("pause", "web-1");
    assert.equal(one.code, 1);
    assert.match(
      one.stderr,
      /"web-1" is one of the 2 replicas of "web".*\n.*vm-agent pause web does it for web-1, web-2/,
    );
    const both = await fixture.cli("pause", "web");
    assert.equal(both.code, 0, all(both));
    await until(
      "both are",
      async () => (await fleet()).agents.filter((a) => a.sync === "Paused").length === 2,
    );
    assert.equal((await fixture.cli("resume", "web")).code, 0);
    const unknown = await fixture.cli("pause", "agent-bilder");
    assert.match(unknown.stderr, /did you mean "agent-builder"/);
  });

  it("a saved plan is applied through the loop that runs", async () => {
    await fixture.remove("agents/web.yaml");
    await until("it is held", async () => (await agent("web-1"))?.held[0]?.reason === "max-deletes");
    const file = join(fixture.folder, "plan.json");
    const made = await fixture.cli("plan", "-o", file, "--target", "web-1", "--allow-delete", "web-1");
    assert.equal(made.code, 0, all(made));
    const applied = await fixture.cli("apply", file, "--yes");
    assert.notEqual(applied.code, 1, all(applied));
    const states = await fixture.states();
    assert.ok(!("web-1" in states) && "web-2" in states, JSON.stringify(states));
  });
});
