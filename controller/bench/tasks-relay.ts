/** The floor of the row "tasks over HTTP": bare node:http and ws relaying the same JSON, without checks and without a disk. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

export interface Relay {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startRelay(): Promise<Relay> {
  const agents = new Map<string, WebSocket>();
  let count = 0;
  const next = () => {
    count += 1;
    return count;
  };
  const frame = (to: string, type: string, payload: unknown) =>
    JSON.stringify({ id: `m${next()}`, from: "hub", to, type, timestamp: Date.now(), payload });
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const spec = JSON.parse(Buffer.concat(parts).toString()) as Readonly<Record<string, unknown>>;
      const agent = (request.url ?? "").split("/")[2] ?? "";
      const taskId = `01890000-0000-7000-8000-${String(next()).padStart(12, "0")}`;
      agents.get(agent)?.send(frame(agent, "task", { taskId, epoch: 1, ...spec }));
      const body = JSON.stringify({ taskId, status: "sent" });
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
      });
      response.end(body);
    });
  });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on("connection", (socket, request) => {
    const name = String(request.headers["x-agent"]);
    agents.set(name, socket);
    socket.on("message", (data) => {
      const { type, payload } = JSON.parse(String(data)) as {
        readonly type: string;
        readonly payload: { readonly taskId: string; readonly epoch: number };
      };
      if (type === "hello") socket.send(frame(name, "hello", { protocol: 1 }));
      else if (type === "response") {
        const { taskId, epoch } = payload;
        socket.send(frame(name, "ack", { taskId, epoch, stored: true }));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
