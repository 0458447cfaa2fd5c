/** A program of its own, for the row "flood": one runtime that sends log lines as fast as its connection takes them. */
import WebSocket from "ws";

export interface FloodOrder {
  readonly port: number;
  readonly name: string;
  readonly token: string;
  readonly nonce: string;
}

/** Bytes that wait unsent before it pauses for the socket. */
const AHEAD = 1024 * 1024;

process.once("message", ({ port, name, token, nonce }: FloodOrder) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/agent`, {
    headers: { authorization: `Bearer ${token}`, "x-agent": name },
    perMessageDeflate: false,
  });
  const frame = (type: string, payload: unknown) =>
    JSON.stringify({ id: "f", from: name, to: "hub", type, timestamp: Date.now(), payload });
  const line = frame("log", { level: "info", message: "once more" });
  const pour = () => {
    while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < AHEAD) socket.send(line);
    setImmediate(pour);
  };
  socket.on("open", () => {
    const facts = { instanceId: name, bootId: "b", version: "1", bundleHash: "", node: "26", tasks: [] };
    socket.send(frame("hello", { protocol: [1], nonce, ...facts }));
  });
  socket.once("message", (data) => {
    const { payload } = JSON.parse(String(data)) as { readonly payload: { readonly credential?: string } };
    socket.send(frame("ack", { credential: true }));
    pour();
    // Whoever comes after this one needs the credential that it got.
    process.send?.(payload.credential ?? token);
  });
  socket.on("close", (code, reason) => {
    process.stderr.write(`the flooder was closed with ${code} ${String(reason)}\n`);
    process.exit(1);
  });
});
