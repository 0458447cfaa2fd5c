/**
 * Where secrets must not be, looked for in a whole running system: files, processes, answers, output. And what people do with
 * tokens, the audit and backups while it runs.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { chmod, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { createApi } from "../../../ui/client/api.ts";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const FROM_ENV = "env-secret-93b1c7d2e4";
const FROM_FILE = "file-secret-5f0a8c6b1d";
const agent = (key: string) => `kind: Agent
name: agent-builder
type: builder
cpu: 1
memory: 512M
disk: 2G
secrets: { TOKEN: { fromEnv: KEEPING_TEST_SECRET }, KEY: { fromFile: ${JSON.stringify(key)} } }
`;

describe("secrets in a running system", () => {
  let fixture: Fixture;
  let up: Up;
  let operatorToken: string;
  const fleet = () => up.api.get<FleetView>("/fleet");
  const synced = () =>
    until("the agent is in sync", async () => {
      const [one] = (await fleet()).agents;
      return one?.sync === "Synced" && one.health === "Healthy";
    });
  const start = async () => {
    up = await fixture.up({ KEEPING_TEST_SECRET: FROM_ENV, VM_AGENT_TOKEN: "", VM_AGENT_DEBUG: "1" });
    await synced();
  };

  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings() });
    writeFileSync(join(fixture.folder, "key"), `${FROM_FILE}\n`);
    await fixture.write("builder.yaml", agent(join(fixture.folder, "key")));
    await start();
    operatorToken = (await readFile(join(fixture.home, "operator-token"), "utf8")).trim();
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  it("reach the task, and its output shows a mask however it is written", async () => {
    const command =
      'test "$TOKEN" = "$WANTED" && test -n "$KEY" || exit 9; echo "[$TOKEN]"; ' +
      'printf \'%s\' "$KEY" | while IFS= read -r -n 1 c; do printf %s "$c"; sleep 0.005; done; echo; echo "$KEY" >&2';
    const body = JSON.stringify({
      type: "exec",
      command: `bash -c '${command.replaceAll("'", "'\\''")}'`,
      env: { WANTED: FROM_ENV },
    });
    // The body itself names the value here, so it is given over HTTP, and its words are not looked for below.
    const { code, stdout, stderr } = await fixture.cli(
      "task",
      "agent-builder",
      body.replace(FROM_ENV, "x").replace('test \\"$TOKEN\\" = \\"$WANTED\\" && ', ""),
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual([stdout, stderr], ["[***]\n***\n", "***\n"]);
  });

  it("are in no file below the state folder but those made for them, and in no output", async () => {
    await fixture.cli("exec", "agent-builder", "--", "sh", "-c", "echo $TOKEN; exit 3");
    const credential = await guestFile("credential");
    assert.ok(credential.length > 30);
    assert.doesNotMatch(await runtimeSettings(), /joinToken/, "the join token has left the guest's disk");
    const allowed: Readonly<Record<string, RegExp>> = {
      [operatorToken]: /\/operator-token$/,
      [credential.trim()]: /\/var\/lib\/vm-agent\/credential$/,
      [FROM_ENV]: /^$/,
      [FROM_FILE]: /^$/,
    };
    const files = readdirSync(fixture.home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    assert.ok(files.some((file) => file.endsWith("vm-agent.db")) && files.length > 10);
    const found = files.flatMap((file) => {
      const content = readFileSync(file, "latin1");
      return Object.entries(allowed).flatMap(([secret, where]) =>
        content.includes(secret) && !where.test(file) ? [`${file}: ${secret.slice(0, 8)}…`] : [],
      );
    });
    assert.deepEqual(found, []);
    for (const secret of Object.keys(allowed)) assert.ok(!up.output().includes(secret));
    assert.equal(statSync(join(fixture.home, "operator-token")).mode & 0o777, 0o600);
    assert.equal(statSync(join(fixture.home, "vm-agent.db")).mode & 0o777, 0o600);
    assert.equal(statSync(fixture.home).mode & 0o077, 0);
  });

  it("are in no argument and no environment of a process that was started", {
    skip: process.platform !== "linux",
  }, async () => {
    const credential = (await guestFile("credential")).trim();
    // A task that runs, so that its own shell and the runtime are looked at too; only it may have its secrets.
    const task = await up.api.post<{ taskId: string }>("/agents/agent-builder/task", {
      type: "exec",
      command: "touch /tmp/begun; sleep 30 # of-the-task",
    });
    await until(
      "the task runs",
      async () =>
        (await up.api.get<{ task: { state: string } }>(`/tasks/${task.taskId}`)).task.state === "running",
    );
    let looked = 0;
    const found: string[] = [];
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const read = (file: string) => {
        try {
          return readFileSync(`/proc/${pid}/${file}`, "latin1");
        } catch {
          return "";
        }
      };
      const [cmdline, environ] = [read("cmdline"), read("environ")];
      for (const secret of [operatorToken, credential, FROM_ENV, FROM_FILE])
        if (cmdline.includes(secret)) found.push(`${cmdline.replaceAll("\0", " ")}: argument`);
      if (!environ.includes(fixture.home) && !cmdline.includes(fixture.home)) continue;
      looked += 1;
      const ofTask = cmdline.includes("of-the-task") || cmdline.startsWith("sleep\0");
      for (const secret of [operatorToken, credential, FROM_ENV, FROM_FILE]) {
        // `up` itself was given it so.
        const mine =
          (pid === String(up.process.pid) && secret === FROM_ENV) ||
          (ofTask && secret !== operatorToken && secret !== credential);
        if (environ.includes(secret) && !mine) found.push(`${cmdline.replaceAll("\0", " ")}: environment`);
      }
    }
    assert.deepEqual(found, []);
    assert.ok(looked >= 3, `${looked} processes of this system were found`);
    await up.api.post(`/tasks/${task.taskId}/cancel`, {});
  });

  it("are in no answer of the hub", async () => {
    const paths = [
      "/agents",
      "/agents/agent-builder/status",
      "/tasks",
      "/fleet",
      "/plan",
      "/audit?limit=1000",
      "/admin/stats",
      "/admin/dlq",
      "/openapi.json",
    ];
    const answers = await Promise.all(paths.map((path) => up.api.get<unknown>(path)));
    const text = JSON.stringify(answers);
    for (const secret of [operatorToken, (await guestFile("credential")).trim(), FROM_ENV, FROM_FILE])
      assert.ok(!text.includes(secret));
  });

  it("audit: everything that was done is in it, filtered by agent and kind, and it is whole", async () => {
    const list = async (...args: readonly string[]) =>
      (
        JSON.parse((await fixture.cli("audit", "--json", ...args)).stdout) as {
          entries: readonly { action: string; subject: string }[];
        }
      ).entries;
    const actions = new Set((await list("--limit", "1000")).map((entry) => entry.action));
    for (const action of [
      "begin",
      "plan",
      "command",
      "step.done",
      "login",
      "runtime.enrol",
      "runtime.login",
      "task.submit",
      "task.cancel",
    ])
      assert.ok(actions.has(action), `${action} of ${[...actions].join(", ")}`);
    const steps = await list("--agent", "agent-builder", "--kind", "step");
    assert.ok(
      steps.length > 0 && steps.every((e) => e.action.startsWith("step.") && e.subject === "agent-builder"),
    );
    assert.deepEqual(await list("--agent", "no-such"), []);
    const text = await fixture.cli("audit", "--kind", "command");
    assert.match(text.stdout, /multipass launch/);
    const whole = await fixture.cli("audit", "verify");
    assert.equal(whole.code, 0);
    assert.match(whole.stdout, /intact: \d+ entries/);
    const { end } = JSON.parse((await fixture.cli("audit", "verify", "--json")).stdout) as {
      end: { seq: number; hash: string };
    };
    assert.equal((await fixture.cli("audit", "verify", "--anchor", `${end.seq}:${end.hash}`)).code, 0);
    assert.equal((await fixture.cli("audit", "verify", "--anchor", `${end.seq}:${"0".repeat(64)}`)).code, 1);
    assert.equal((await fixture.cli("audit", "verify", "--anchor", "x")).code, 64);
    assert.equal((await fixture.cli("audit", "erase")).code, 64);
  });

  it("token: shown only when asked, replaced in the running hub at once, the old one refused", async () => {
    const where = await fixture.cli("token");
    assert.match(where.stdout, /operator-token/);
    assert.ok(!where.stdout.includes(operatorToken));
    assert.equal((await fixture.cli("token", "show")).stdout.trim(), operatorToken);
    const old = up.api;
    const rotated = await fixture.cli("token", "rotate");
    assert.equal(rotated.code, 0, rotated.stderr);
    const fresh = (await readFile(join(fixture.home, "operator-token"), "utf8")).trim();
    assert.notEqual(fresh, operatorToken);
    assert.ok(!rotated.stdout.includes(fresh));
    await assert.rejects(old.get("/agents"), /token/);
    const { http } = JSON.parse(await readFile(join(fixture.home, "hub.json"), "utf8")) as { http: string };
    up = { ...up, api: createApi({ url: http, token: fresh }) };
    assert.equal((await fleet()).agents.length, 1);
    operatorToken = fresh;
    const join_ = await fixture.cli("token", "join", "agent-builder");
    assert.match(join_.stdout, /^[\w-]{43}\n$/);
    assert.match(join_.stderr, /good once/);
    assert.equal((await fixture.cli("token", "join", "no-such")).code, 1);
    assert.equal((await fixture.cli("token", "join")).code, 64);
    const audit = (await fixture.cli("audit", "--json", "--limit", "1000")).stdout;
    assert.ok(
      audit.includes("token.rotate") && !audit.includes(fresh) && !audit.includes(join_.stdout.trim()),
    );
  });

  it("backup: made while it runs, not put back while it runs, and what it brings back is the same system", async () => {
    const file = join(fixture.folder, "state.backup");
    const made = await fixture.cli("backup", file);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /fleet-key and operator-token/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal((await fixture.cli("backup", file)).code, 1);
    const refused = await fixture.cli("backup", file, "--restore");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /"vm-agent up" \(pid \d+\) has controlled/);
    await up.end();
    const launched = (await calls()).filter((call) => call.includes('"launch"')).length;
    for (const name of ["vm-agent.db", "vm-agent.db-wal", "vm-agent.db-shm", "fleet-key", "operator-token"])
      await rm(join(fixture.home, name), { force: true });
    const restored = await fixture.cli("backup", file, "--restore");
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal((await fixture.cli("token", "show")).stdout.trim(), operatorToken);
    await start();
    assert.equal(
      (await calls()).filter((call) => call.includes('"launch"')).length,
      launched,
      "nothing is launched again",
    );
    const task = await fixture.cli("exec", "agent-builder", "--", "echo", "still there");
    assert.equal(task.stdout, "still there\n", task.stderr);
  });

  it("a state that was tampered with, truncated or made read-only is reported, and not written to", async () => {
    await up.end();
    const path = join(fixture.home, "vm-agent.db");
    const db = new DatabaseSync(path);
    db.exec("UPDATE audit SET subject = 'changed' WHERE seq = 2; PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    const broken = await fixture.cli("audit", "verify");
    assert.deepEqual([broken.code, /broken at entry 2/.test(broken.stdout)], [1, true]);
    const content = await readFile(path);
    const cut = content.subarray(0, 4096 * 3);
    writeFileSync(path, cut);
    const child = await fixture.cli("up");
    assert.equal(child.code, 1);
    assert.match(child.stderr, /damaged/);
    assert.match(child.stderr, /backup/);
    assert.deepEqual(await readFile(path), cut);
    writeFileSync(path, content);
    if (process.getuid?.() !== 0) {
      await chmod(path, 0o400);
      const refused = await fixture.cli("up");
      assert.deepEqual([refused.code, /cannot be written/.test(refused.stderr)], [1, true]);
      await chmod(path, 0o600);
    }
    await start();
  });

  const guestRoot = () => {
    const found = readdirSync(join(fixture.home, "sandbox"), { recursive: true, encoding: "utf8" }).find(
      (name) => name.endsWith("etc/vm-agent/runtime.json"),
    );
    assert.ok(found);
    return join(fixture.home, "sandbox", found.replace("etc/vm-agent/runtime.json", ""));
  };
  const guestFile = (name: string) => readFile(join(guestRoot(), "var/lib/vm-agent", name), "utf8");
  const runtimeSettings = () => readFile(join(guestRoot(), "etc/vm-agent/runtime.json"), "utf8");
  const calls = async () =>
    (await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8")).split("\n");
});
