import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { httpGet } from "./http-get.ts";

async function serve(listener: RequestListener): Promise<{ readonly url: URL; readonly server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a?b=c`), server };
}

function end(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

test("status, text and headers pass unchanged, characters split between two packets too", async () => {
  const { url, server } = await serve((request, response) => {
    const whole = Buffer.from(JSON.stringify({ at: request.url, by: request.headers.authorization, é: "ö" }));
    const cut = whole.indexOf(0xc3) + 1;
    response.writeHead(207);
    response.write(whole.subarray(0, cut), () => response.end(whole.subarray(cut)));
  });
  const { status, text } = await httpGet(url, { headers: { authorization: "Bearer x" } });
  assert.equal(status, 207);
  assert.deepEqual(JSON.parse(text), { at: "/a?b=c", by: "Bearer x", é: "ö" });
  await end(server);
});

test("no server, a truncated answer, one that never comes and one that never ends all reject", async () => {
  const { url, server } = await serve((request, response) => {
    if (request.url === "/cut") {
      response.writeHead(200, { "content-length": "100" });
      response.write("{", () => response.destroy());
    } else if (request.url === "/endless") {
      response.write("{");
    }
  });
  await assert.rejects(httpGet(new URL("/cut", url)));
  await assert.rejects(httpGet(new URL("/silent", url), { deadlineMs: 100 }), /no answer from/);
  await assert.rejects(httpGet(new URL("/endless", url), { deadlineMs: 100 }));
  await end(server);
  await assert.rejects(httpGet(url), { code: "ECONNREFUSED" });
});

test("a connection that is closed before the answer is tried again, and not for ever", async () => {
  let asked = 0;
  const { url, server } = await serve((request, response) => {
    asked += 1;
    if (request.url === "/never" || asked < 3) request.socket.destroy();
    else response.end("{}");
  });
  assert.equal((await httpGet(new URL("/third", url))).status, 200);
  assert.equal(asked, 3);
  await assert.rejects(httpGet(new URL("/never", url)), { code: "ECONNRESET" });
  assert.equal(asked, 8);
  await end(server);
});
