/**
 * The first generation's runtime, command line and HTTP users against this hub, unchanged but for the operator's token.
 *
 * They are written here from the contract alone (the seed's README, and what its clients send and read), with nothing of ours
 * but the process that they talk to: what they rely on cannot change without this file and old-runtime.ts.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type Up, until } from "../support/harness.ts";
import { type Json, OldRuntime } from "../support/old-runtime.ts";

const METADATA = { type: "builder", capabilities: ["build", "docker"], cpu: 2, memory: "4G", disk: "20G" };
const FLEET = {
  "fleet.yaml": "kind: Fleet\ninterval: 2s\n",
  "current.yaml": "kind: Agent\nname: current\ntype: tester\ncpu: 1\nmemory: 512M\ndisk: 1G\n",
};

let fixture: Fixture;
let up: Up;
let url: string;
let token: string;
let work: string;
const runtimes: OldRuntime[] = [];

before(async () => {
  fixture = await createFixture(FLEET);
  work = await mkdtemp(join(tmpdir(), "vm-agent-old-"));
  await start();
});
after(async () => {
  for (const runtime of runtimes) runtime.close();
  await up.end();
  await fixture.close();
  await rm(work, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<void> {
  up = await fixture.up(env);
  url = (JSON.parse(await readFile(join(fixture.home, "hub.json"), "utf8")) as { http: string }).http;
  token = (await readFile(join(fixture.home, "operator-token"), "utf8")).trim();
}

/** The HTTP user: plain JSON requests; the header is all that is new to it. */
async function http(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await fetch(new URL(path, url), {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return (answer.headers.get("content-type") ?? "").includes("json") ? JSON.parse(text) : { text };
}

/** The command line: it asks for one agent's status, sends a task, and looks until the task is none of the current ones. */
const cli = {
  list: async () => (await http("GET", "/agents")).agents as Json[],
  /** The lines of its list, status and dashboard: they read these fields without looking whether they are there. */
  lines: ({ id, status, metadata, health }: Json) => ({
    list: `${id} ${status} ${metadata.type} ${metadata.cpu} CPU ${metadata.memory} ${metadata.disk}`,
    health: `CPU ${health.cpu.toFixed(1)}% MEM ${health.memory.usagePercent.toFixed(1)}% of ${health.memory.total}MB DISK ${health.disk.usagePercent.toFixed(1)}%`,
  }),
  status: async (id: string) => (await http("GET", `/agents/${id}/status`)).agent as Json,
  task: (id: string, task: Json) => http("POST", `/agents/${id}/task`, task),
};

function connect(id: string, wsUrl: string): OldRuntime {
  const runtime = new OldRuntime(id, wsUrl);
  runtimes.push(runtime);
  return runtime;
}

async function joined(id: string, port: "agent" | "http" = "agent", metadata: Json = METADATA) {
  const registered = await http("POST", "/agents/register", { agentId: id, metadata });
  const path = `/agent/${id}/${registered.token}`;
  assert.equal(new URL(registered.wsUrl).pathname, path);
  const runtime = connect(id, port === "agent" ? registered.wsUrl : `${url.replace("http", "ws")}${path}`);
  await runtime.next("status");
  return { runtime, registered };
}

/** Gives a task and returns it when it has ended. */
async function done(id: string, task: Json): Promise<Json> {
  const { taskId } = await cli.task(id, task);
  return until("the task's end", async () => {
    const { task: now } = await http("GET", `/tasks/${taskId}`);
    return now.finishedAt === null ? null : (now as Json);
  });
}

const kinds = (value: Json): Json =>
  Object.fromEntries(Object.entries(value).map(([k, v]) => [k, Array.isArray(v) ? "array" : typeof v]));

test("a runtime registers, connects to its wsUrl and is greeted", async () => {
  const { runtime, registered } = await joined("agent-1");
  assert.deepEqual(Object.keys(registered).sort(), ["agent", "token", "wsUrl"]);
  assert.equal(registered.agent.id, "agent-1");
  const greeting = runtime.frames[0] as Json;
  assert.deepEqual(kinds(greeting), {
    id: "string",
    from: "string",
    to: "string",
    type: "string",
    timestamp: "number",
    payload: "object",
  });
  assert.deepEqual([greeting.type, greeting.to], ["status", "agent-1"]);
  const shown = await cli.status("agent-1");
  assert.deepEqual([shown.status, shown.metadata], ["online", METADATA]);
});

test("the same on the HTTP port; a wrong token is not let in", async () => {
  const { runtime } = await joined("agent-2", "http");
  const unowned = connect("agent-2", `${url.replace("http", "ws")}/agent/agent-2/${"x".repeat(43)}`);
  await until("the stranger is turned away", () => unowned.closed);
  assert.equal(runtime.closed, false);
  assert.equal((await cli.status("agent-2")).status, "online");
});

test("the agent object has the fields that its users read, and health shows as it was sent", async () => {
  const health = {
    cpu: 12.5,
    memory: { total: 4096, used: 1024, free: 3072, usagePercent: 25 },
    disk: { total: 20, used: 5, free: 15, usagePercent: 25 },
    uptime: 60,
    systemUptime: 3600,
    loadAverage: [0.1, 0.2, 0.3],
  };
  runtimes[0]?.send("host", "health", health);
  const agent = await until("the health", async () => {
    const now = await cli.status("agent-1");
    return now.lastHealthCheck > 0 ? now : null;
  });
  const { memory, disk, ...rest } = health;
  const both = { memory: { ...memory, percent: 25 }, disk: { ...disk, percent: 25 } };
  assert.deepEqual(agent.health, { ...rest, ...both }, "as it was sent, and in today's spelling");
  assert.deepEqual(cli.lines(agent), {
    list: "agent-1 online builder 2 CPU 4G 20G",
    health: "CPU 12.5% MEM 25.0% of 4096MB DISK 25.0%",
  });
  const fields = {
    id: "string",
    status: "string",
    registeredAt: "number",
    lastSeen: "number",
    lastHealthCheck: "number",
    metadata: "object",
    stats: "object",
    health: "object",
    currentTasks: "array",
  };
  const found = kinds(agent);
  for (const [field, kind] of Object.entries(fields)) assert.equal(found[field], kind, field);
  assert.ok(agent.registeredAt > 1e12 && agent.lastSeen >= agent.registeredAt, "milliseconds since 1970");
  for (const field of ["tasksReceived", "tasksCompleted", "tasksFailed", "messagesReceived", "messagesSent"])
    assert.equal(typeof agent.stats[field], "number", field);
  const listed = await cli.list();
  assert.deepEqual(listed.map(({ id }) => id).sort(), ["agent-1", "agent-2", "current"]);
  for (const filter of ["type=builder", "capability=docker", "status=online&type=builder"]) {
    const { agents } = await http("GET", `/agents?${filter}`);
    assert.deepEqual((agents as Json[]).map(({ id }) => id).sort(), ["agent-1", "agent-2"], filter);
  }
});

test("tasks arrive as {taskId, …the task}, and both forms of answer are understood", async () => {
  const [runtime] = runtimes as [OldRuntime];
  const file = join(work, "note.txt");
  const given = { type: "exec", command: "echo $GREETING; pwd", cwd: work, env: { GREETING: "hello" } };
  const sent = await cli.task("agent-1", { ...given, timeout: 30_000, sudo: false });
  assert.deepEqual(Object.keys(sent).sort(), ["status", "taskId"]);
  assert.equal(sent.status, "sent");
  const frame = await runtime.next("task", (f) => f.payload.taskId === sent.taskId);
  const { taskId: _, epoch: _epoch, ...task } = frame.payload;
  assert.deepEqual(task, { ...given, timeout: 30_000, sudo: false });
  const first = await until("its result", async () => {
    const { task: now } = await http("GET", `/tasks/${sent.taskId}`);
    return now.state === "succeeded" ? (now as Json) : null;
  });
  assert.deepEqual([first.result.stdout, first.exitCode], [`hello\n${work}\n`, 0]);

  const failed = await done("agent-1", { type: "exec", command: "echo no >&2; exit 3" });
  assert.equal(failed.state, "failed");
  assert.match(failed.error, /Command failed.*\nno/);
  for (const type of ["build", "test", "deploy"])
    assert.equal((await done("agent-1", { type, command: "true", cwd: work })).state, "succeeded", type);
  const written = await done("agent-1", { type: "file:write", filePath: file, content: "kept" });
  assert.equal(written.state, "succeeded");
  const read = await done("agent-1", { type: "file:read", filePath: file });
  assert.deepEqual(read.result, { filePath: file, content: "kept", size: 4 });
  const unknown = await done("agent-1", { type: "git:pull", repoPath: work });
  assert.deepEqual([unknown.state, unknown.error], ["failed", "Unknown task type: git:pull"]);
  const { stats, currentTasks } = await cli.status("agent-1");
  assert.deepEqual([stats.tasksReceived, stats.tasksCompleted, stats.tasksFailed], [8, 6, 2]);
  assert.deepEqual(currentTasks, []);
});

test("a running task is among currentTasks until it is answered", async () => {
  const flag = join(work, "go");
  const { taskId } = await cli.task("agent-1", {
    type: "exec",
    command: `until [ -e '${flag}' ]; do sleep 0.05; done`,
  });
  await until("it is current", async () => (await cli.status("agent-1")).currentTasks.includes(taskId));
  await writeFile(flag, "");
  await until("it is not", async () => (await cli.status("agent-1")).currentTasks.length === 0);
});

test("messages go to an agent, to everybody, and to host; what cannot be delivered is kept to look at", async () => {
  const [one, two] = runtimes as [OldRuntime, OldRuntime];
  one.send("agent-2", "log", { text: "to you" });
  const direct = await two.next("log", (f) => f.payload.text === "to you");
  assert.deepEqual([direct.from, direct.to], ["agent-1", "agent-2"]);
  for (const everybody of ["broadcast", "*"]) {
    one.send(everybody, "log", { text: `to ${everybody}` });
    await two.next("log", (f) => f.payload.text === `to ${everybody}`);
  }
  assert.ok(!one.frames.some((f) => f.type === "log"), "no sender receives its own message");
  one.send("host", "log", { text: "to the hub" });
  one.send("no-such", "log", { text: "lost" });
  assert.equal((await one.next("error")).payload.code, "unknown-recipient");
  const dlq = await until("the dead letter", async () => {
    const now = await http("GET", "/admin/dlq");
    return now.count > 0 ? now : null;
  });
  const [letter] = dlq.messages as [Json];
  assert.deepEqual(
    [letter.reason, letter.message.from, letter.message.to, letter.message.payload.text],
    ["unknown-recipient", "agent-1", "no-such", "lost"],
  );
  assert.equal((await http("DELETE", "/admin/dlq")).cleared, 1);
  assert.equal((await http("GET", "/admin/dlq")).count, 0);
  // On purpose not as it was: an agent may not make another one run something.
  one.send("agent-2", "task", { taskId: "t", type: "exec", command: "true" });
  await one.next("error", (f) => f.payload.code === "type-not-routable");
});

test("what is sent to an offline agent waits for it", async () => {
  const { runtime, registered } = await joined("agent-3");
  runtime.close();
  await until("the hub knows that it is gone", async () => !(await cli.status("agent-3")).connected);
  const { taskId, status } = await cli.task("agent-3", { type: "exec", command: "echo late" });
  assert.equal(status, "queued");
  runtimes[0]?.send("agent-3", "log", { text: "meanwhile" });
  await until("the message waits", async () => {
    const { router } = await http("GET", "/admin/stats");
    return router.openTasks > 0;
  });
  const again = connect("agent-3", registered.wsUrl);
  await again.next("task", (f) => f.payload.taskId === taskId);
  await again.next("log", (f) => f.payload.text === "meanwhile");
  await until("it is done", async () => (await http("GET", `/tasks/${taskId}`)).task.state === "succeeded");
});

test("a client that closes its connection is offline at once, one that is cut off is not yet", async () => {
  const { runtime, registered } = await joined("agent-left");
  runtime.close();
  await until("it is offline", async () => (await cli.status("agent-left")).status === "offline");
  const offline = (await http("GET", "/agents?status=offline")).agents as Json[];
  assert.ok(offline.some(({ id }) => id === "agent-left"));
  const again = connect("agent-left", registered.wsUrl);
  await again.next("status");
  assert.equal((await cli.status("agent-left")).status, "online");
  again.cut();
  const cut = await until("the hub knows", async () => {
    const now = await cli.status("agent-left");
    return now.connected ? null : now;
  });
  assert.equal(cut.status, "online");
  await http("DELETE", "/agents/agent-left");
});

test("health needs no token; statistics and metrics have what their readers look for", async () => {
  const health = (await (await fetch(new URL("/health", url))).json()) as Json;
  assert.deepEqual(kinds(health), {
    status: "string",
    run: "string",
    uptime: "number",
    timestamp: "number",
    agents: "object",
  });
  assert.deepEqual([health.status, health.agents.total], ["healthy", 4]);
  assert.ok(health.agents.online >= 3);
  const stats = await http("GET", "/admin/stats");
  for (const part of ["router", "agents"]) assert.equal(typeof stats[part], "object", part);
  const { text } = await http("GET", "/metrics");
  for (const name of ["vm_hub_messages_total{", 'vm_hub_agents{status="online"}', "vm_hub_active_tasks "])
    assert.ok(text.includes(`\n${name}`), name);
});

test("a current runtime in its instance answers the same users in the same shape", async () => {
  await until("it is online", async () => (await cli.status("current")).status === "online");
  const { result, exitCode } = await done("current", {
    type: "exec",
    command: "echo out; echo err >&2; exit 4",
  });
  assert.deepEqual([result.stdout, result.stderr, result.exitCode, exitCode], ["out\n", "err\n", 4, 4]);
  const filePath = "/home/ubuntu/note.txt";
  assert.equal(
    (await done("current", { type: "file:write", filePath, content: "grüße" })).state,
    "succeeded",
  );
  const read = (await done("current", { type: "file:read", filePath })).result;
  assert.deepEqual([read.filePath, read.content, read.size], [filePath, "grüße", 7]);
  const { health, metadata } = await until("its health", async () => {
    const agent = await cli.status("current");
    return agent.lastHealthCheck > 0 ? agent : null;
  });
  for (const field of ["cpu", "uptime", "systemUptime"]) assert.equal(typeof health[field], "number", field);
  for (const usage of [health.memory, health.disk])
    assert.deepEqual(Object.keys(usage).sort(), ["free", "percent", "total", "usagePercent", "used"]);
  const shown = cli.lines(await cli.status("current"));
  assert.equal(shown.list, "current online tester 1 CPU 512M 1G");
  assert.match(shown.health, /^CPU [\d.]+% MEM [\d.]+% of \d+MB DISK [\d.]+%$/);
  assert.equal(health.loadAverage.length, 3);
  assert.equal(metadata.type, "tester");
});

test("a restarted hub knows them by the same token, and keeps what they answered", async () => {
  const ports = JSON.parse(await readFile(join(fixture.home, "hub.json"), "utf8")) as Json;
  const { registered } = await joined("agent-4");
  const before = await done("agent-4", { type: "exec", command: "echo before" });
  await up.end();
  const agentPort = new URL(registered.wsUrl).port;
  await start({ VM_AGENT_HTTP_PORT: new URL(ports.http).port, VM_AGENT_WS_PORT: agentPort });
  const again = connect("agent-4", registered.wsUrl);
  await again.next("status");
  assert.equal((await http("GET", `/tasks/${before.id}`)).task.result.stdout, "before\n");
  assert.equal((await done("agent-4", { type: "exec", command: "true" })).state, "succeeded");
  const stats = (await cli.status("agent-4")).stats;
  assert.equal(stats.tasksCompleted, 2);
});

test("DELETE ends the connection and the token", async () => {
  const { runtime, registered } = await joined("agent-5");
  await http("DELETE", "/agents/agent-5");
  await until("the connection ends", () => runtime.closed);
  const again = connect("agent-5", registered.wsUrl);
  await until("it is turned away", () => again.closed);
  assert.deepEqual(again.frames, []);
});
