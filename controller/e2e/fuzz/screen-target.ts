/** Fuzz target for what commands print of a hostile guest: real commands against a real hub, in a pipe and as JSON. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import WebSocket from "ws";
import { aConfig } from "../../hub/testing/hub.ts";
import { MAIN } from "../support/harness.ts";
import { type Chance, steeringText } from "./chance.ts";
import { aHub, type Target } from "./server-targets.ts";

/** No control characters but line feeds and tabs. */
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/;

export async function screens(): Promise<Target> {
  const { hub, port, token, close } = await aHub();
  hub.configure("a", aConfig());
  const credential = await hub.enrol("a", "n");
  const socket = new WebSocket(`ws://127.0.0.1:${hub.agentPort}/agent`, {
    headers: { authorization: `Bearer ${credential}`, "x-agent": "a" },
  });
  let text = () => "";
  const send = (type: string, payload: unknown) =>
    socket.send(JSON.stringify({ id: text(), from: text(), to: "hub", type, timestamp: 1, payload }));
  const ready = new Promise<void>((resolve) => {
    socket.on("message", (data) => {
      const { type, payload } = JSON.parse(String(data)) as {
        readonly type: string;
        readonly payload: Readonly<Record<string, unknown>>;
      };
      if (type === "hello") resolve();
      if (type === "log") {
        const line = (seq: number) => ({ seq, at: 1e308, level: text(), message: text() });
        send("log", { request: payload.request, id: text(), first: 1, last: 3, lines: [1, 2, 3].map(line) });
      }
      if (type === "task") {
        const { taskId, epoch } = payload;
        send("output", { taskId, epoch, seq: 1, stream: "stdout", data: text(), encoding: "utf8" });
        const error = { code: text(), message: text() };
        send("response", {
          taskId,
          epoch,
          success: false,
          error,
          result: { stdout: text(), signal: text() },
        });
      }
    });
  });
  await new Promise((resolve) => socket.once("open", resolve));
  const facts = { instanceId: "a", bootId: "b", version: "1", bundleHash: "h", node: "26", tasks: [] };
  send("hello", { protocol: [1], nonce: "n", ...facts, features: ["log"], supports: ["exec"] });
  await ready;

  const run = (...args: readonly string[]): Promise<{ readonly out: string; readonly err: string }> =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, VM_AGENT_URL: `http://127.0.0.1:${port}`, VM_AGENT_TOKEN: token };
      const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (data: string) => (out += data));
      child.stderr.setEncoding("utf8").on("data", (data: string) => (err += data));
      child.once("error", reject).once("close", () => resolve({ out, err }));
    });
  const safe = (what: string, shown: string) =>
    assert.ok(!UNSAFE.test(shown), `${what} printed ${JSON.stringify(shown)}`);
  const task = '{"type":"exec","command":"true"}';

  return {
    async check(chance: Chance) {
      const texts = Array.from({ length: 8 }, () => steeringText(chance));
      let next = 0;
      text = () => texts[next++ % texts.length] ?? "";
      const asJson = await run("task", "a", task, "--json");
      safe("task --json", asJson.out + asJson.err);
      for (const command of [["logs", "a"], ["tasks"]]) {
        const { out, err } = await run(...command);
        safe(command.join(" "), out + err);
        assert.notEqual(out, "", `${command.join(" ")}: ${err}`);
        const json = await run(...command, "--json");
        safe(`${command.join(" ")} --json`, json.out + json.err);
        for (const one of command[0] === "logs" ? json.out.trim().split("\n") : [json.out]) JSON.parse(one);
      }
    },
    async close() {
      socket.terminate();
      await close();
    },
  };
}
