/** The gauges of what is held and what drifted, as a scraper sees them while the whole system runs: zero, one, and zero again. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const agent = (name: string, more = "") => `kind: Agent
name: ${name}
cpu: 1
memory: 256M
disk: 1G
${more}`;

describe("gauges", () => {
  let fixture: Fixture;
  let up: Up;
  const gauge = async (name: string) => {
    const { http } = JSON.parse(await readFile(join(fixture.home, "hub.json"), "utf8")) as { http: string };
    const token = (await readFile(join(fixture.home, "operator-token"), "utf8")).trim();
    const answer = await fetch(new URL("/metrics", http), { headers: { authorization: `Bearer ${token}` } });
    const line = (await answer.text()).split("\n").find((l) => l.startsWith(`${name} `));
    return line === undefined ? null : Number(line.split(" ")[1]);
  };
  const both = async () => [await gauge("vm_controller_held"), await gauge("vm_controller_drifted")].join();

  before(async () => {
    fixture = await createFixture({
      "fleet.yaml": settings(),
      "kept.yaml": agent("kept", "drift: {mode: warn}\n"),
      "gone.yaml": agent("gone"),
    });
    up = await fixture.up();
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  it("are zero from the start, and stay so while the fleet comes up", async () => {
    assert.equal(await both(), "0,0");
    await until("it is settled", async () => (await up.api.getFleet()).settled);
    assert.equal(await both(), "0,0");
  });

  it("show the one deletion that is held, and the one agent that drifted", async () => {
    await fixture.remove("gone.yaml");
    await until("one is held", async () => (await both()) === "1,0");
    // Its drift is only warned of, so it is held too.
    await fixture.multipass("stop", "kept");
    await until("one drifted", async () => (await both()) === "2,1");
  });

  it("are zero again when both are over", async () => {
    await fixture.write("gone.yaml", agent("gone"));
    await fixture.multipass("start", "kept");
    await until("nothing is held or drifted", async () => (await both()) === "0,0");
  });
});
