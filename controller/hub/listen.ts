/** Binds a server, with an error that says what to do. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { VmAgentError } from "../base/errors.ts";

/** Resolves with the port. */
export async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, port, host)));
    server.listen(port, host, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", () => {});
  return (server.address() as AddressInfo).port;
}

/** Opens the first of these ports that is free. Rejects with the error of the last one. */
export async function firstFree<T>(ports: readonly number[], open: (port: number) => Promise<T>): Promise<T> {
  const [port = 0, ...others] = ports;
  try {
    return await open(port);
  } catch (error) {
    if (others.length === 0 || (error as { code?: string }).code !== "port-in-use") throw error;
    return firstFree(others, open);
  }
}

export function listenError(error: NodeJS.ErrnoException, port: number, host: string): VmAgentError {
  const used = error.code === "EADDRINUSE";
  return new VmAgentError({
    code: used ? "port-in-use" : "address-unavailable",
    message: used
      ? `port ${port} on ${host} is in use`
      : `cannot listen on ${host}:${port}: ${error.message}`,
    next: used
      ? `find who holds it (lsof -i :${port}), or choose another port in kind: Fleet or by VM_AGENT_WS_PORT, VM_AGENT_HTTP_PORT`
      : "choose an address of this machine (VM_AGENT_BIND)",
    cause: error,
  });
}
