/** An HTTP server for a koa application: bounded in time, with the runtimes' WebSocket upgrade on the same port. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type Koa from "koa";
import { type Hub, listenError } from "../hub/hub.ts";

export interface HttpServerDeps {
  readonly app: Koa;
  readonly hub: Hub;
  readonly bind: string;
  /** 0 picks one. */
  readonly port: number;
}

export interface HttpServer {
  /** The port that is bound. */
  readonly port: number;
  /** Ends live streams, waits for requests until the deadline, then cuts. */
  stop(deadline?: number): Promise<void>;
}

/** Errors: `port-in-use`, `address-unavailable`. */
export async function listenHttp({ app, hub, bind, port }: HttpServerDeps): Promise<HttpServer> {
  const options = {
    headersTimeout: 10_000,
    requestTimeout: hub.limits.bodyDeadline,
    keepAliveTimeout: 30_000,
  };
  const server: Server = createServer(options, app.callback());
  server.on("upgrade", hub.handleUpgrade);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, port, bind)));
    server.listen(port, bind, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: (deadline = 2000) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), deadline);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}
