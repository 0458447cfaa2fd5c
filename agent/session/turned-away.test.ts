/** A hub that refuses a token before a connection opens: the runtime says so and waits, instead of ending for want of anything to do. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Channel } from "./channel.ts";

/** As hubs and proxies do it: with the connection closed after the answer, and kept open. */
const ANSWERS = {
  closed: "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
  "kept open": "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
} as const;

for (const [how, answer] of Object.entries(ANSWERS))
  test(`401, and the connection is ${how}: both tokens are tried once, then it is waited`, async (t) => {
    const shown: (string | undefined)[] = [];
    const server = createServer();
    server.on("upgrade", (request, socket) => {
      shown.push(request.headers.authorization);
      if (how === "closed") socket.end(answer);
      else socket.write(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.closeAllConnections());
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const waits = Promise.withResolvers<string>();
    const lines: string[] = [];
    const note = (line: string) => {
      lines.push(line);
      if (line.startsWith("next attempt")) waits.resolve(line);
    };
    const channel = new Channel({
      route: () => ({
        urls: [`ws://127.0.0.1:${port}/agent`],
        tokens: ["old", "join"],
        agent: "a",
        ca: null,
      }),
      opened: () => assert.fail("it was refused"),
      received: () => {},
      closed: () => {},
      log: { info: note, warn: note, error: note } as never,
      random: () => 0,
    });
    const running = channel.run();
    // Nothing else would keep this process: without a pause to wait for it would end, as the runtime did.
    const keeper = setTimeout(
      () => waits.reject(new Error(`it does not wait:\n${lines.join("\n")}`)),
      60_000,
    );
    try {
      assert.equal(await waits.promise, "next attempt in 30.0 s");
      assert.deepEqual(shown, ["Bearer old", "Bearer join"]);
    } finally {
      clearTimeout(keeper);
      await channel.stop();
      // Where it hangs it hangs for ever.
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 100))]);
    }
  });
