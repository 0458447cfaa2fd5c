/** A guest that took over its own runtime: whatever it says, no command prints what a terminal would obey. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { createFixture, type Fixture, type Up, until } from "../support/harness.ts";
import { NO_PTY, type Terminals, terminals } from "../support/pty.ts";

// biome-ignore lint/suspicious/noExplicitAny: a hostile program does not keep to types.
type Json = Record<string, any>;

/** Clipboard, title, cursor, screen, C1, bell, concealed text, direction. */
const EVIL =
  "\u001b]52;c;ZXZpbA==\u0007\u001b]0;owned\u001b\\\u001b[2J\u001b[1;1H\u009b3J\u009d2;owned\u009c\u0007\u001b[8mhidden\u202e";
const NAME = "agent-1";

let fixture: Fixture;
let up: Up;
let typing: Terminals;
let guest: WebSocket;
let bundleHash: string;

before(async () => {
  fixture = await createFixture({
    "fleet.yaml": "kind: Fleet\ninterval: 2s\n",
    "agent.yaml": `kind: Agent\nname: ${NAME}\ncpu: 1\nmemory: 1G\ndisk: 5G\nhealth: {remediate: []}\n`,
  });
  typing = terminals(fixture, { NO_COLOR: "", FORCE_COLOR: "" });
  up = await fixture.up();
  await until("the runtime is online", async () => (await agent()).connected, 120_000);
  bundleHash = (await agent()).runtime.bundleHash;
  const stopped = await fixture.multipass("exec", NAME, "--", "sudo", "systemctl", "stop", "vm-agent");
  assert.equal(stopped.code, 0, stopped.stderr);
  await until("the runtime is gone", async () => !(await agent()).connected, 120_000);
  guest = await connect(NAME);
});
after(async () => {
  guest?.terminate();
  typing.close();
  await up.end();
  await fixture.close();
});

const agent = async (): Promise<Json> => (await up.api.get<{ agent: Json }>(`/agents/${NAME}/status`)).agent;

/** A file in the instance. */
function inside(path: string): string {
  const found = readdirSync(fixture.home, { recursive: true, encoding: "utf8" }).find((file) =>
    file.endsWith(path),
  );
  return readFileSync(join(fixture.home, found ?? path), "utf8").trim();
}

/** Connects with what lies in the instance, and says hello under this instance-id. */
async function connect(instanceId: string): Promise<WebSocket> {
  const settings = JSON.parse(inside("etc/vm-agent/runtime.json")) as { nonce: string };
  const { agent: url } = JSON.parse(readFileSync(join(fixture.home, "hub.json"), "utf8")) as Json;
  const socket = new WebSocket(new URL("/agent", url), {
    headers: { authorization: `Bearer ${inside("var/lib/vm-agent/credential")}`, "x-agent": NAME },
  });
  const send = (type: string, payload: Json) =>
    socket.send(JSON.stringify({ id: EVIL, from: EVIL, to: "hub", type, timestamp: 1e308, payload }));
  socket.on("error", () => {});
  socket.on("message", (data) => {
    const { type, payload } = JSON.parse(String(data)) as Json;
    if (type === "log" && payload.request)
      send("log", {
        request: payload.request,
        id: "log",
        first: 1,
        last: 2,
        lines: [1, 2].map((seq) => ({ seq, at: 1e308, level: EVIL, message: `line ${seq} ${EVIL}` })),
      });
    if (type === "task") {
      const about = { taskId: payload.taskId, epoch: payload.epoch };
      const data = `\u001b[31mred\u001b[0m ${EVIL} end\n`;
      send("output", { ...about, seq: 1, stream: "stdout", data, encoding: "utf8", dropped: 0 });
      send("response", { ...about, success: false, error: { code: EVIL, message: `failed ${EVIL}` } });
    }
  });
  await new Promise((resolve) => socket.once("open", resolve));
  send("hello", {
    protocol: [1],
    nonce: settings.nonce,
    instanceId,
    bootId: EVIL,
    version: `9 ${EVIL}`,
    // With another one the loop would replace the runtime, and with it this one.
    bundleHash,
    node: EVIL,
    features: ["log", EVIL],
    supports: ["exec", EVIL],
    tasks: [{ taskId: EVIL, epoch: 1e308, state: EVIL }],
  });
  send("health", {
    cpu: EVIL,
    memory: { total: 1, used: 1e308 },
    problems: [`problem ${EVIL}`],
    warnings: [EVIL],
  });
  return socket;
}

const COMMANDS: readonly (readonly string[])[] = [
  ["list"],
  ["status", NAME],
  ["why", NAME],
  ["logs", NAME],
  ["tasks"],
  ["plan"],
  ["doctor"],
];

/** No control characters but line feeds and tabs. */
function assertPlain(text: string, what: string): void {
  const at = text.search(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
  assert.equal(at, -1, `${what}: ${JSON.stringify(text.slice(Math.max(0, at - 60), at + 60))}`);
  assert.ok(!text.includes("ZXZpbA"), `${what} has the content of a control string: ${text}`);
}

/** What a terminal got, without what the command itself draws: colours, and the line that says what it waits for. */
const undrawn = (text: string): string =>
  text
    .replaceAll("\r\n", "\n")
    .replaceAll("\r\u001b[K", "")
    .replaceAll(/\u001b\[(?:1|2|22|3[0-9]|39)m/g, "");

async function checkAll(): Promise<void> {
  for (const command of COMMANDS) {
    const { stdout, stderr } = await fixture.cli(...command);
    assertPlain(stdout + stderr, `vm-agent ${command.join(" ")} in a pipe`);
    const json = await fixture.cli(...command, "--json");
    assertPlain(json.stdout, `vm-agent ${command.join(" ")} --json`);
    for (const text of command[0] === "logs" ? json.stdout.trim().split("\n") : [json.stdout])
      JSON.parse(text);
    if (NO_PTY) continue;
    const terminal = typing.open(...command);
    await terminal.ended;
    assertPlain(undrawn(terminal.shown()), `vm-agent ${command.join(" ")} on a terminal`);
  }
}

test("its words steer no terminal: lists, states, reasons, logs, plans, and the same as JSON", {
  timeout: 400_000,
}, async () => {
  await until("the heartbeat", async () => (await agent()).health.problems?.[0]?.includes("problem"), 60_000);
  await fixture.cli("task", NAME, '{"type":"exec","command":"true"}');
  const { stdout } = await fixture.cli("logs", NAME);
  assert.match(stdout, /line 1 hidden\n.*line 2 hidden/, "the log is shown, whatever its dates");
  await checkAll();
});

test("a task's own output: every byte in a pipe, colours and no more on a terminal", {
  timeout: 400_000,
}, async () => {
  const piped = await fixture.cli("exec", NAME, "--", "true");
  assert.equal(piped.code, 1, piped.stderr);
  assert.equal(piped.stdout, `\u001b[31mred\u001b[0m ${EVIL} end\n`);
  assertPlain(piped.stderr, "why it failed");
  const json = await fixture.cli("task", NAME, '{"type":"exec","command":"true"}', "--json");
  assertPlain(json.stdout, "the task as JSON");
  if (NO_PTY) return;
  for (const args of [
    ["exec", NAME, "--", "true"],
    ["task", "--agents", NAME, '{"type":"exec","command":"true"}'],
  ]) {
    const terminal = typing.open(...args);
    await terminal.ended;
    const shown = terminal.shown();
    assert.match(shown, /\u001b\[31mred\u001b\[0m/);
    assertPlain(undrawn(shown.replaceAll(/\u001b\[[08]m/g, "")), `vm-agent ${args.join(" ")}`);
  }
});

test("an instance that is refused under a name of its own making is named without it", {
  timeout: 400_000,
}, async () => {
  guest.terminate();
  await until("it is gone", async () => !(await agent()).connected, 60_000);
  const refused = await connect(`clone-${EVIL}`);
  await until("it is refused", async () => (await agent()).refused?.code === "clone", 60_000);
  refused.terminate();
  assert.match((await agent()).refused.instanceId, /^clone-hidden$/);
  await checkAll();
});
