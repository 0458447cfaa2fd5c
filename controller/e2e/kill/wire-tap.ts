/** For tests: a relay between runtimes and a hub that sees every frame, just before and just after it is passed on. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import WebSocket, { type RawData, WebSocketServer } from "ws";
import { type Frame, parseFrame } from "../../hub/runtimes/frames.ts";

export interface Passing {
  readonly agent: string;
  readonly from: "runtime" | "hub";
  readonly frame: Frame;
  readonly edge: "before" | "after";
}

export interface WireTap {
  readonly port: number;
  /** Where the hub listens now. */
  hub: number;
  close(): void;
}

/** `passing`: false, asked before a frame is passed on, means that it is lost on the wire. */
export async function tapWire(passing: (seen: Passing) => boolean): Promise<WireTap> {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const open = new Set<WebSocket>();
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    const { authorization = "", "x-agent": agent = "" } = request.headers as Record<string, string>;
    const above = new WebSocket(`ws://127.0.0.1:${tap.hub}${request.url}`, {
      headers: { authorization, "x-agent": agent },
      perMessageDeflate: false,
    });
    open.add(above);
    above.on("close", () => open.delete(above));
    above.on("unexpected-response", (_, { statusCode }) => {
      socket.end(`HTTP/1.1 ${statusCode} Refused\r\nConnection: close\r\n\r\n`);
      above.terminate();
    });
    above.on("error", () => socket.destroy());
    above.on("open", () =>
      sockets.handleUpgrade(request, socket, head, (below) => {
        join(agent, "runtime", below, above);
        join(agent, "hub", above, below);
      }),
    );
  });

  function join(agent: string, from: Passing["from"], source: WebSocket, target: WebSocket): void {
    source.on("error", () => {});
    source.on("message", (data: RawData) => {
      const frame = parseFrame(String(data));
      if (frame === null || !passing({ agent, from, frame, edge: "before" })) return;
      if (target.readyState !== WebSocket.OPEN) return;
      target.send(String(data), () => passing({ agent, from, frame, edge: "after" }));
    });
    source.on("close", (code, reason) => {
      // These are never sent: the connection just ended.
      if (code === 1005 || code === 1006) target.terminate();
      else target.close(code, reason);
    });
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const tap: WireTap = {
    port: (server.address() as AddressInfo).port,
    hub: 0,
    close() {
      for (const socket of open) socket.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
  return tap;
}
