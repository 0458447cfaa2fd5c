/** A program of its own, for the row "hostile": runtimes that send one kind of hostile frame as fast as they can, and a prober of /health. */
import { Agent, get } from "node:http";
import WebSocket from "ws";

export const KINDS = [
  "deep health",
  "wide health",
  "many values",
  "long log",
  "large output",
  "small output",
  "late result",
  "large message",
  "deep hello",
] as const;
export type Kind = (typeof KINDS)[number];

export interface AttackOrder {
  readonly attack: Kind;
  readonly port: number;
  readonly agents: readonly { readonly name: string; readonly token: string; readonly nonce: string }[];
}
export interface ProbeOrder {
  readonly probe: number;
  readonly milliseconds: number;
}

const SIZE = 3_900_000;
const deep = `{"x":${"[".repeat(SIZE / 2)}${"]".repeat(SIZE / 2)}}`;
const text = "a".repeat(SIZE);
const about = '"taskId":"none","epoch":1';

/** Type and payload (JSON text) of a frame of that kind. */
const FRAMES: Readonly<Record<Kind, readonly [string, string]>> = {
  "deep health": ["health", deep],
  "wide health": ["health", `{"problems":["${text}"]}`],
  "many values": ["health", `{"x":[${"1,".repeat(49_000)}1]}`],
  "long log": ["log", `{"seq":1,"at":1e308,"level":"x","message":"${text}"}`],
  "large output": ["output", `{${about},"seq":1,"stream":"stdout","data":"${text}"}`],
  "small output": ["output", `{${about},"seq":1,"stream":"stdout","data":"${"a".repeat(16_000)}"}`],
  "late result": ["response", `{${about},"success":true,"result":{"stdout":"${text}"}}`],
  "large message": ["message", `{"to":"none","type":"note","payload":{"x":"${text}"}}`],
  "deep hello": ["hello", deep],
};

/** Bytes that wait unsent before it pauses for the socket. */
const AHEAD = 8 * 1024 * 1024;

function attack({ attack: kind, port, agents }: AttackOrder): void {
  const [type, payload] = FRAMES[kind];
  for (const agent of agents) {
    let { token } = agent;
    const frame = (of: string, json: string) =>
      `{"id":"f","from":"${agent.name}","to":"hub","type":"${of}","timestamp":1,"payload":${json}}`;
    const hostile = frame(type, payload);
    const connect = () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/agent`, {
        headers: { authorization: `Bearer ${token}`, "x-agent": agent.name },
        perMessageDeflate: false,
      });
      const pour = () => {
        while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < AHEAD) socket.send(hostile);
        if (socket.readyState === WebSocket.OPEN) setTimeout(pour, 1);
      };
      socket.on("open", () => {
        process.send?.({ name: agent.name, token });
        if (kind === "deep hello") return pour();
        const facts = `"instanceId":"${agent.name}","bootId":"b","version":"1","bundleHash":"","node":"26","tasks":[]`;
        socket.send(
          frame("hello", `{"protocol":[1],"nonce":"${agent.nonce}","features":["messages","log"],${facts}}`),
        );
      });
      socket.on("message", (data) => {
        const { type: got, payload: said } = JSON.parse(String(data)) as {
          readonly type: string;
          readonly payload: { readonly credential?: string };
        };
        if (got !== "hello") return;
        token = said.credential ?? token;
        socket.send(frame("ack", '{"credential":true}'));
        process.send?.({ name: agent.name, token });
        pour();
      });
      socket.on("error", () => {});
      socket.on("close", connect);
    };
    connect();
  }
}

/** Milliseconds of each GET /health, one after the other. */
async function probe({ probe: port, milliseconds }: ProbeOrder): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true });
  const found: number[] = [];
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    const started = performance.now();
    await new Promise<void>((resolve, reject) => {
      get({ host: "127.0.0.1", port, path: "/health", agent }, (answer) =>
        answer.resume().once("end", resolve),
      ).once("error", reject);
    });
    found.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  agent.destroy();
  return found;
}

process.on("message", (order: AttackOrder | ProbeOrder) => {
  if ("attack" in order) attack(order);
  else void probe(order).then((found) => process.send?.(found));
});
