/** Programs in two instances talk by files: the real runtime on both sides, the real hub with its database between them. */
import assert from "node:assert/strict";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Guest } from "../../../agent/testing/guest.ts";
import { OPERATOR } from "../../hub/messages/router.ts";
import { aConfig, startHub, type TestHub, until } from "../../hub/testing/hub.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";

const BOX = "/var/spool/vm-agent";

/** An instance as a folder, with the credentials of this hub; it is not started. */
async function instance(t: TestContext, { hub }: TestHub, name: string): Promise<Guest> {
  const guest = new Guest(name, hub.agentPort);
  const joinToken = await hub.enrol(name, "nonce-1");
  hub.configure(name, aConfig());
  const settings = {
    agent: name,
    nonce: "nonce-1",
    joinToken,
    hub: [`127.0.0.1:${hub.agentPort}`],
    port: hub.agentPort,
  };
  guest.write("/etc/vm-agent/runtime.json", JSON.stringify(settings));
  t.after(async () => {
    await guest.kill("SIGKILL");
    rmSync(guest.root, { recursive: true, force: true });
  });
  return guest;
}

const inbox = (guest: Guest): readonly string[] => {
  try {
    return readdirSync(guest.path(`${BOX}/inbox`))
      .filter((name) => name.endsWith(".json"))
      .sort();
  } catch {
    return [];
  }
};

test("a task sends, a task in another instance reads; what comes while that one is off waits for it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-talk-"));
  const store = openStore(join(folder, "vm-agent.db"));
  const world = await startHub(store);
  t.after(async () => {
    await world.stop();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const a = await instance(t, world, "agent-a");
  const b = await instance(t, world, "agent-b");
  await a.start();
  const run = async (agent: string, command: string) => {
    const spec = { type: "exec", command };
    const { task } = await world.hub.requests.submit(agent, { spec, actor: "test", idempotencyKey: null });
    return until(
      `the end of a task of ${agent}`,
      () => {
        const now = world.hub.engine.get(task.id);
        return now?.finishedAt ? now : null;
      },
      20_000,
    );
  };
  const say = (n: number) =>
    `cd "$VM_AGENT_MESSAGES/outbox" && printf '{"to":"agent-b","type":"note","payload":{"n":${n}}}' > m${n}.tmp && mv m${n}.tmp m${n}.json`;
  assert.equal((await run("agent-a", `${say(1)} && ${say(2)}`)).exitCode, 0);
  await until("both wait for agent-b", () => store.messages.pending("agent-b", 0).length === 2);
  await until("an empty outbox", () => readdirSync(a.path(`${BOX}/outbox`)).length === 0);

  await b.start();
  await until("both are there", () => inbox(b).length === 2, 20_000);
  await until("the hub forgot them", () => store.messages.pending("agent-b", 0).length === 0);
  const read = await run("agent-b", 'cd "$VM_AGENT_MESSAGES/inbox" && cat *.json && rm *.json');
  const lines = String(read.result?.stdout)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((m) => [m.from, m.to, m.type, m.payload]),
    [
      ["agent-a", "agent-b", "note", { n: 1 }],
      ["agent-a", "agent-b", "note", { n: 2 }],
    ],
  );

  // Off: written meanwhile, sent when it is back; and whoever claims to be another is not believed.
  await a.kill("SIGKILL");
  const out = (name: string) => a.path(`${BOX}/outbox/${name}`);
  writeFileSync(out("forged.json"), '{"to":"agent-b","from":"hub","type":"note","payload":{"n":3}}');
  writeFileSync(out("no-such.json"), '{"to":"no-such","payload":{}}');
  writeFileSync(out("broken.json"), "{");
  // Links that lead to the runtime's own files, and what is no file at all.
  const secret = a.path("/var/lib/vm-agent/credential");
  const bait = a.path("/var/lib/vm-agent/bait.json");
  writeFileSync(bait, '{"to":"agent-b","type":"stolen","payload":{}}');
  symlinkSync(bait, out("symbolic.json"));
  linkSync(bait, out("hard.json"));
  symlinkSync(secret, out("credential.json"));
  mkdirSync(out("folder.json"));
  await a.start();
  const reasons = await until(
    "all are refused",
    () => {
      const names = readdirSync(a.path(`${BOX}/outbox`)).filter((name) => !name.startsWith("."));
      return names.length === 6 && names.every((name) => name.endsWith(".refused")) && names.sort();
    },
    20_000,
  );
  assert.deepEqual(
    reasons,
    ["broken", "credential", "folder", "hard", "no-such", "symbolic"].map((name) => `${name}.refused`),
  );
  assert.match(a.read(`${BOX}/outbox/no-such.refused`), /unknown-recipient/);
  await until("the honest part arrived", () => inbox(b).length === 1);
  const got = JSON.parse(b.read(`${BOX}/inbox/${inbox(b)[0]}`)) as { from: string; type: string };
  assert.deepEqual([got.from, got.type], ["agent-a", "note"]);
  assert.equal(store.deadLetters.list()[0]?.reason, "unknown-recipient");
  assert.ok(!a.log.includes(a.read("/var/lib/vm-agent/credential").trim()));

  // A full disk (here: a folder that is gone) keeps the message at the hub, and it comes when there is room.
  renameSync(b.path(`${BOX}/inbox`), b.path(`${BOX}/elsewhere`));
  const message = { id: "", from: "", to: "agent-b", type: "note", timestamp: 0, payload: { n: 4 } };
  await world.hub.messages.send(message, OPERATOR);
  await until("the runtime says why not", () => b.log.includes("the inbox cannot be written"));
  assert.equal(store.messages.pending("agent-b", 0).length, 1);
  renameSync(b.path(`${BOX}/elsewhere`), b.path(`${BOX}/inbox`));
  await b.kill("SIGTERM");
  await b.start();
  await until("it is there", () => inbox(b).length === 2, 20_000);
});
