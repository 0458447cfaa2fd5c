/** The terminal dashboard in a real terminal: vm-agent up opens it; an agent is found, described and destroyed by typing its name. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { MAIN, createFixture, until } from "../support/harness.ts";
import { NO_TMUX, openTmux } from "../support/tmux.ts";

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
  await sees(/› agent-two .*\n +✓ Synced[\s\S]*DESIRED AND OBSERVED/);
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
  assert.match(readFileSync(join(fixture.home, "up.log"), "utf8"), /2 agents in sync/);
});

test("a snapshot is chosen and gone back to; two agents are marked, and stopped and started by one yes", {
  skip: NO_TMUX,
  timeout: 170_000,
}, async () => {
  const snapshot = "---\nkind: Snapshot\nname: clean\nagent: agent-one\n";
  const fixture = await createFixture({ "all.yaml": KEPT + snapshot + GONE });
  const terminal = openTmux(fixture, { shell: ["sh"], width: 80, height: 24 });
  after(async () => {
    terminal.close();
    await fixture.close();
  });
  const { keys, sees } = terminal;
  const inside = async (line: string) => {
    const { code, stdout } = await fixture.multipass("exec", "agent-one", "--", "sh", "-c", line);
    return `${code} ${stdout.trim()}`;
  };
  const both = /(?:[✓ ][▸ ] agent-(?:one|two) .*running +Running +✓ Synced +● Healthy.*\s+){2}/;

  terminal.line(`'${process.execPath}' '${MAIN}' up`);
  await sees(/(?:● Healthy[\s\S]*){2}/);
  await until("the snapshot is there", async () =>
    (await fixture.multipass("list", "--snapshots")).stdout.includes("clean"),
  );
  await sees(both);
  assert.equal(await inside("echo later > ~/note; cat ~/note"), "0 later");

  keys("R");
  await sees(/Restore agent-one to which snapshot\?\n ▸ clean/);
  keys("Enter");
  await sees(/What its disk holds since then is lost[\s\S]*type agent-one to go on/);
  keys("-l", "agent-one");
  keys("Enter");
  await sees(/agent-one is to go back to clean; written to all\.yaml\./);
  // Asked by nothing that would start it meanwhile.
  await until("how it was is kept", async () =>
    /agent-one +before-/.test((await fixture.multipass("list", "--snapshots")).stdout),
  );
  await sees(both);
  assert.match(await inside("cat ~/note"), /^[1-9]/, "its disk is as it was");
  assert.match(readFileSync(join(fixture.fleet, "all.yaml"), "utf8"), /restore:.*\n? *.*snapshot: clean/);

  // One after the other, so that each key is what is seen.
  keys("Space");
  await sees(/1 marked/);
  keys("Space");
  await sees(/2 marked/);
  keys("x");
  await sees(/Stop 2 agents\?[\s\S]*agent-one {2}Running[\s\S]*agent-two {2}Running/);
  assert.deepEqual(await fixture.states(), { "agent-one": "Running", "agent-two": "Running" });
  keys("y");
  await until("both are stopped", async () =>
    Object.values(await fixture.states()).every((state) => state === "Stopped"),
  );
  assert.equal(readFileSync(join(fixture.fleet, "all.yaml"), "utf8").match(/^state: stopped$/gm)?.length, 2);
  await sees(/(?:.* stopped +Stopped +✓ Synced +● Healthy.*\s+){2}/);
  keys("*");
  await sees(/2 marked/);
  keys("x");
  await sees(/Start 2 agents\?/);
  keys("y");
  await sees(both);
  assert.deepEqual(await fixture.states(), { "agent-one": "Running", "agent-two": "Running" });
  keys("C-c");
  await until("hub.json is gone", () => !existsSync(join(fixture.home, "hub.json")));
});

test("dash: a wrong token is said before the screen is taken; one that is rotated meanwhile is taken", {
  skip: NO_TMUX,
  timeout: 170_000,
}, async () => {
  const fixture = await createFixture({});
  const up = await fixture.up();
  const terminal = openTmux(fixture, { shell: ["sh"], width: 80, height: 24 });
  after(async () => {
    terminal.close();
    await up.end();
    await fixture.close();
  });
  const { sees } = terminal;
  terminal.line(`VM_AGENT_TOKEN=nonsense '${process.execPath}' '${MAIN}' dash; echo code-$?`);
  const refused = await sees(/code-\d/);
  assert.match(refused, /error: that is not the operator's token[\s\S]*code-[1-9]/);

  terminal.line(`clear; TERM=dumb '${process.execPath}' '${MAIN}' dash; echo code-$?`);
  assert.match(await sees(/code-0/), /No agents are written yet/);

  terminal.line(`clear; '${process.execPath}' '${MAIN}' dash`);
  await sees(/No agent is written yet/);
  assert.equal((await fixture.cli("token", "rotate")).code, 0);
  // Nothing but a connection with the new token can know of it. For a moment the old one is lost, and the screen says so.
  const paused = "kind: Agent\nname: agent-new\npaused: true\n";
  await fixture.write("new.yaml", paused);
  await sees(/^(?![\s\S]*STALE)[\s\S]*\n ▸ agent-new .*Paused/);
  terminal.keys("q");
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
