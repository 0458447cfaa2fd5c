/** The terminal dashboard in a real terminal: vm-agent up opens it; an agent is found, described and destroyed by typing its name. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { packageRoot } from "../base/paths.ts";
import { createFixture, until } from "./harness.ts";
import { NO_TMUX, openTmux } from "./tmux.ts";

const MAIN = join(packageRoot(), "dist", "controller", "main.js");

const KEPT = `# head
kind: Agent
name: agent-one   # stays
cpu: 1
memory: 512M
disk: 5G
---
# between
kind: Profile
name: small
`;
const GONE = `---
kind: Agent
name: agent-two
cpu: 1
memory: 512M
disk: 5G
`;

test("vm-agent up on a terminal: Ready agents, a filter, a description, a destroy by its name, and the terminal back", {
  skip: NO_TMUX,
  timeout: 90_000,
}, async () => {
  const fixture = await createFixture({ "all.yaml": KEPT + GONE });
  const terminal = openTmux(fixture, { shell: ["sh"], width: 100, height: 30 });
  after(async () => {
    terminal.close();
    await fixture.close();
  });
  const { keys, sees } = terminal;

  keys("-l", `'${process.execPath}' '${MAIN}' up`);
  keys("Enter");
  const ready = await sees(/(?:agent-(?:one|two) .*running +Running +✓ Synced +● Healthy.*\s+){2}/);
  assert.match(ready, /SANDBOX.* 2 agents {2}2 ready/);

  keys("-l", "/two");
  const found = await sees(/1 of 2/);
  assert.doesNotMatch(found, /^.{0,3}agent-one/m);
  keys("Enter");
  keys("Enter");
  await sees(/agent-two .*✓ Synced[\s\S]*WANTED AND SEEN/);
  keys("G");
  await sees(/SPEC {2}all\.yaml:\d+[\s\S]*kind: Agent/);
  keys("D");
  await sees(/type agent-two to go on/);
  keys("-l", "agent-one");
  keys("Enter");
  await sees(/"agent-one" is not it; nothing was done/);
  assert.equal(readFileSync(join(fixture.fleet, "all.yaml"), "utf8"), KEPT + GONE);
  assert.deepEqual(await fixture.states(), { "agent-one": "Running", "agent-two": "Running" });
  keys("-l", "agent-two");
  keys("Enter");
  await until("the instance is gone", async () => !("agent-two" in (await fixture.states())));
  assert.equal(readFileSync(join(fixture.fleet, "all.yaml"), "utf8"), KEPT);
  assert.deepEqual(await fixture.states(), { "agent-one": "Running" });
  keys("Escape");
  await sees(/1 agent {2}1 ready[\s\S]*No agent matches "two"/);

  keys("q");
  await sees(/Stop the hub and the loop\?/);
  keys("y");
  const left = await sees(/stopping; the agents stay as they are/);
  assert.doesNotMatch(left, /Fleet {2}2 Plan/);
  await until("hub.json is gone", () => !existsSync(join(fixture.home, "hub.json")));
  // The terminal takes lines as before, and shows what is typed.
  keys("-l", "echo back-$((40+2))");
  keys("Enter");
  await sees(/back-42/);
  assert.match(readFileSync(join(fixture.home, "up.log"), "utf8"), /2 agents, as written/);
});

test("without a terminal, dash prints the fleet's table once", { timeout: 60_000 }, async () => {
  const fixture = await createFixture({});
  after(() => fixture.close());
  const up = await fixture.up();
  const { code, stdout } = await fixture.cli("dash");
  assert.equal(code, 0);
  assert.match(stdout, /No agents are written yet/);
  await up.end();
  const alone = await fixture.cli("dash");
  assert.equal(alone.code, 69);
  assert.match(alone.stderr, /no hub runs/);
});
