/** An HTTP server for a koa application: with deadlines, and the runtimes' WebSocket upgrade on the same port. */
import { createServer, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type Koa from "koa";
import type { Hub } from "../hub/hub.ts";
import { listenError } from "../hub/listen.ts";

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
  /** Ends live streams, waits for requests until the deadline, then cuts them. */
  stop(deadline?: number): Promise<void>;
}

/** Errors: `port-in-use`, `address-unavailable`. */
export async function listenHttp({ app, hub, bind, port }: HttpServerDeps): Promise<HttpServer> {
  const { limits } = hub;
  const options = {
    headersTimeout: limits.headersDeadline,
    requestTimeout: Math.max(limits.bodyDeadline, limits.headersDeadline),
    keepAliveTimeout: limits.keepAlive,
    connectionsCheckingInterval: limits.connectionsCheck,
  };
  const { tls } = hub.settings;
  const server: Server = tls
    ? createTlsServer({ ...options, cert: tls.cert, key: tls.key, handshakeTimeout: limits.tlsDeadline })
    : createServer(options);
  server.on("connection", hub.admission.accept);
  const answering = new Set<ServerResponse>();
  let idle = () => {};
  server.on("request", (_, response) => {
    answering.add(response);
    response.once("close", () => {
      answering.delete(response);
      if (answering.size === 0) idle();
    });
  });
  server.on("request", app.callback());
  server.on("upgrade", hub.handleUpgrade);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, port, bind)));
    server.listen(port, bind, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async stop(deadline = 2000) {
      server.close();
      server.closeIdleConnections();
      // Live streams never end by themselves. Upgraded connections belong to the hub, which ends them with its own
      // code.
      for (const response of answering) if (response.headersSent) response.end();
      if (answering.size > 0) {
        await new Promise<void>((resolve) => {
          const cut = setTimeout(resolve, deadline);
          idle = () => {
            clearTimeout(cut);
            resolve();
          };
        });
      }
      server.closeAllConnections();
    },
  };
}
