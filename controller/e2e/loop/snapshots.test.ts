/** Snapshots, restores, mounts, provisioning that is run again and kept instances, through the whole program on the sandbox. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const NAME = "agent-one";

const agent = (more = "", name = NAME): string => `kind: Agent
name: ${name}
type: builder
cpu: 1
memory: 256M
disk: 1G
${more}`;

const SNAPSHOT = `kind: Snapshot
name: clean
agent: ${NAME}
comment: as it began
`;

const DEADLINE = 60_000;

/** What one command in the guest prints. */
async function inside(fixture: Fixture, line: string, name = NAME): Promise<string> {
  const { code, stdout, stderr } = await fixture.multipass("exec", name, "--", "sh", "-c", line);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

/** Names of the snapshots that Multipass lists. */
async function snapshots(fixture: Fixture, name = NAME): Promise<readonly string[]> {
  const { stdout } = await fixture.multipass("list", "--snapshots", "--format", "json");
  const { info } = JSON.parse(stdout) as { info: Record<string, Record<string, unknown>> };
  return Object.keys(info[name] ?? {}).sort();
}

const settled = (fixture: Fixture, name = NAME): Promise<unknown> =>
  until(
    `${name} is in sync`,
    async () => {
      const { stdout } = await fixture.cli("status", name, "--json");
      const status = JSON.parse(stdout) as { sync: string; health: string };
      return status.sync === "Synced" && status.health === "Healthy";
    },
    DEADLINE,
  );

async function started(
  t: { after(work: () => Promise<void>): void },
  files: Readonly<Record<string, string>>,
): Promise<{ readonly fixture: Fixture; readonly up: Up }> {
  const fixture = await createFixture({ "fleet.yaml": settings(), ...files });
  t.after(() => fixture.close());
  const up = await fixture.up();
  return { fixture, up };
}

test("a restore goes back once for its token, keeps what was there in a snapshot, and is not done again after a restart", async (t) => {
  const { fixture, up } = await started(t, { "one.yaml": agent() });
  await settled(fixture);
  await inside(fixture, "echo before > ~/notes");
  await fixture.write("clean.yaml", SNAPSHOT);
  await until("the snapshot exists", async () => (await snapshots(fixture)).includes("clean"), DEADLINE);
  await settled(fixture);
  await inside(fixture, "echo after > ~/notes; echo work > ~/more");

  await fixture.write("one.yaml", agent('restore: {snapshot: clean, token: "2026-11-22"}\n'));
  await until(
    "the disk is as it was",
    async () => (await snapshots(fixture)).length === 2 && (await settled(fixture)),
    DEADLINE,
  );
  assert.equal(await inside(fixture, "cat ~/notes; ls ~/more 2>/dev/null || true"), "before");
  assert.deepEqual(await snapshots(fixture), ["before-2026-11-22", "clean"]);

  await inside(fixture, "echo later > ~/notes");
  await up.end();
  await fixture.up();
  await settled(fixture);
  const { stdout } = await fixture.cli("plan");
  assert.match(stdout, /No changes/);
  assert.equal(await inside(fixture, "cat ~/notes"), "later");

  await fixture.write("one.yaml", agent('restore: {snapshot: before-2026-11-22, token: "again"}\n'));
  await until(
    "the other way",
    async () => (await snapshots(fixture)).includes("before-again") && (await settled(fixture)),
    DEADLINE,
  );
  assert.equal(await inside(fixture, "cat ~/notes ~/more"), "after\nwork");
});

test("a snapshot whose document is gone is held while prune is off, and removed once it is on; others stay", async (t) => {
  const { fixture } = await started(t, { "one.yaml": agent(), "clean.yaml": SNAPSHOT });
  await until("the snapshot exists", async () => (await snapshots(fixture)).includes("clean"), DEADLINE);
  await settled(fixture);
  await fixture.write("one.yaml", agent("state: stopped\n"));
  await until("it is stopped", async () => (await fixture.states())[NAME] === "Stopped", DEADLINE);
  const taken = await fixture.multipass("snapshot", NAME, "--name", "theirs");
  assert.equal(taken.code, 0, taken.stderr);

  await fixture.remove("clean.yaml");
  const held = await until(
    "it is held",
    async () => {
      const { stdout } = await fixture.cli("status", NAME, "--json");
      const status = JSON.parse(stdout) as { held: readonly { reason: string; message: string }[] };
      return status.held.find((h) => h.reason === "prune-off");
    },
    DEADLINE,
  );
  assert.match(held.message, /document it was made for is gone/);
  assert.deepEqual(await snapshots(fixture), ["clean", "theirs"]);

  await fixture.write("fleet.yaml", settings("prune: true\n"));
  await until("it is removed", async () => !(await snapshots(fixture)).includes("clean"), DEADLINE);
  assert.deepEqual(await snapshots(fixture), ["theirs"]);
});

test("mounts come and go while it runs; provisioning is run again in place; neither stops it", async (t) => {
  const provision = (text: string, more = "") =>
    agent(`provision:
  onChange: rerun
  packages: [git]
  files: [{path: /home/ubuntu/greeting, content: "${text}\\n", mode: "0640"}]
  run: ["cat /home/ubuntu/greeting >> /home/ubuntu/greetings"]
${more}`);
  const { fixture } = await started(t, { "one.yaml": provision("hello") });
  await settled(fixture);
  assert.equal(await inside(fixture, "cat ~/greetings"), "hello");
  const work = join(fixture.folder, "work");
  await mkdir(work);
  await writeFile(join(work, "README"), "from the host\n");

  await fixture.write(
    "one.yaml",
    provision("hello", `mounts: [{source: ${work}, target: /home/ubuntu/work}]\n`),
  );
  await until(
    "it is mounted",
    async () => (await fixture.multipass("exec", NAME, "--", "cat", "/home/ubuntu/work/README")).code === 0,
    DEADLINE,
  );
  await settled(fixture);
  await inside(fixture, "echo from the guest > ~/work/answer");
  assert.equal(await readFile(join(work, "answer"), "utf8"), "from the guest\n");

  await fixture.write("one.yaml", provision("good day"));
  await until(
    "it was run again",
    async () => /good day/.test(await inside(fixture, "cat ~/greetings")),
    DEADLINE,
  );
  await settled(fixture);
  assert.equal(await inside(fixture, "stat -c %a ~/greeting; cat ~/greetings"), "640\nhello\ngood day");
  // The same edit took the mount away.
  assert.notEqual((await fixture.multipass("exec", NAME, "--", "ls", "/home/ubuntu/work/README")).code, 0);
  const { stdout } = await fixture.cli("plan");
  assert.match(stdout, /No changes/);
  const calls = await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8");
  assert.doesNotMatch(calls, /"(?:stop|restart|suspend)"/);
  assert.doesNotMatch(calls, /good day|Z29vZCBkYXk/, "the content of files is in no list of processes");
});

test("provisioning that fails when it is run again says which line and what it printed, and waits for an edit", async (t) => {
  const provision = (line: string) => agent(`provision: {onChange: rerun, run: ["${line}"]}\n`);
  const { fixture, up } = await started(t, { "one.yaml": provision("true") });
  await settled(fixture);
  await fixture.write("one.yaml", provision("echo no such thing; exit 7"));
  await until(
    "the failure is reported",
    () => /provision.run\[0\] exited with 7/.test(up.output()),
    DEADLINE,
  );
  assert.match(up.output(), /no such thing/);
  await fixture.write("one.yaml", provision("echo fine > /home/ubuntu/fine"));
  await until(
    "the next edit is run",
    async () => (await fixture.multipass("exec", NAME, "--", "cat", "/home/ubuntu/fine")).code === 0,
    DEADLINE,
  );
  await settled(fixture);
});

test("an agent with another name keeps its instance", async (t) => {
  const { fixture } = await started(t, { "one.yaml": agent() });
  await settled(fixture);
  await inside(fixture, "echo mine > ~/notes");
  await fixture.write("one.yaml", agent(`previousName: ${NAME}\n`, "agent-two"));
  const { stdout } = await until(
    "the plan knows of it",
    async () => {
      const reported = await fixture.cli("plan");
      return /keeps its instance/.test(reported.stdout) ? reported : null;
    },
    DEADLINE,
  );
  assert.match(stdout, /No changes/);
  await settled(fixture);
  assert.deepEqual(await fixture.states(), { [NAME]: "Running" });
  assert.equal(await inside(fixture, "cat ~/notes"), "mine");

  const byNewName = await fixture.cli("exec", "agent-two", "--", "cat ~/notes; echo $VM_AGENT_NAME");
  assert.match(byNewName.stdout, /^mine\n/, byNewName.stderr);
  for (const command of ["status", "why"])
    assert.match((await fixture.cli(command, "agent-two")).stdout, new RegExp(`^${NAME} is Synced`));
  const all = await fixture.cli("task", "--all", JSON.stringify({ type: "exec", command: "hostname" }));
  assert.equal(all.code, 0, all.stderr);

  // A third name that says the second, and then no former name at all: it is still that instance.
  await fixture.write("fleet.yaml", settings("prune: true\n"));
  for (const [former, env] of [
    ["previousName: agent-two\n", "red"],
    ["", "blue"],
  ] as const) {
    await fixture.write("one.yaml", agent(`${former}env: {COLOUR: ${env}}\n`, "agent-three"));
    await until(
      `what is written reaches it: ${env}`,
      async () => {
        const { stdout } = await fixture.cli("exec", NAME, "--", "echo $COLOUR");
        return stdout.trim() === env;
      },
      DEADLINE,
    );
    await settled(fixture);
  }
  assert.deepEqual(await fixture.states(), { [NAME]: "Running" });
  assert.equal(await inside(fixture, "cat ~/notes"), "mine");

  const off = await fixture.cli("stop", "agent-three");
  assert.deepEqual([off.code, await fixture.states()], [0, { [NAME]: "Stopped" }], off.stderr);
  const gone = await fixture.cli("destroy", "agent-three", "--force");
  assert.deepEqual([gone.code, await fixture.states()], [0, {}], gone.stderr);
});
