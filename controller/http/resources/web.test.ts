/** The page's files over a real server: what is served, how, and that nothing else is. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { createBus } from "../../base/events.ts";
import { createHub, type Hub } from "../../hub/hub.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { createApp } from "../app.ts";
import { type HttpServer, listenHttp } from "../server.ts";
import { page } from "./web.ts";

let folder = "";
let hub: Hub;
let server: HttpServer;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vm-agent-web-"));
  await writeFile(join(folder, "index.html"), "<!doctype html><title>page</title>");
  await writeFile(join(folder, "app.js"), "export {};");
  await writeFile(join(folder, "secret.txt"), "not to be served");
  hub = createHub({
    store: createMemoryStore(),
    bus: createBus(systemClock.now),
    clock: systemClock,
    settings: { home: folder, bind: "127.0.0.1", agentPort: 0, advertise: "auto", hostNames: [] },
  });
  const app = createApp({ hub, before: [page(folder)] });
  server = await listenHttp({ app, hub, bind: "127.0.0.1", port: 0 });
});

after(async () => {
  await server.stop();
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The path goes out as it is written: `fetch` would tidy it first. */
function ask(path: string, method = "GET", headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: server.port, path, method, headers }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => (body += part));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("the page and its script are served without a token, with their types", async () => {
  const index = await ask("/");
  assert.equal(index.status, 200);
  assert.equal(index.headers["content-type"], "text/html; charset=utf-8");
  assert.match(index.body, /<title>page<\/title>/);
  const script = await ask("/app.js");
  assert.equal(script.status, 200);
  assert.equal(script.headers["content-type"], "text/javascript; charset=utf-8");
});

test("every file comes with a policy that lets nothing in from elsewhere and nothing inline", async () => {
  for (const path of ["/", "/app.js", "/app.css"]) {
    const { headers } = await ask(path);
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.match(policy, /style-src 'self'(;|$)/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["x-frame-options"], "DENY");
    assert.equal(headers["set-cookie"], undefined);
  }
});

test("a file that the browser has is not sent again, and it travels small", async () => {
  const { headers } = await ask("/app.js");
  const again = await ask("/app.js", "GET", { "if-none-match": String(headers.etag) });
  assert.deepEqual([again.status, again.body], [304, ""]);
  assert.match(String(again.headers["content-security-policy"]), /default-src 'none'/);
  const long = `export const words = "${"so it is ".repeat(1000)}";`;
  await writeFile(join(folder, "app.js"), long);
  // A rebuilt asset has another file name.
  assert.equal((await ask("/app.js", "GET", { "if-none-match": String(headers.etag) })).body, long);
  const small = await fetch(`http://127.0.0.1:${server.port}/app.js`, {
    headers: { "accept-encoding": "gzip" },
  });
  assert.equal(small.headers.get("content-encoding"), "gzip");
  assert.match(String(small.headers.get("vary")), /accept-encoding/i);
  assert.notEqual(small.headers.get("etag"), headers.etag);
  assert.equal(await small.text(), long);
  assert.equal((await ask("/app.js", "GET", { "accept-encoding": "gzip;q=0" })).body, long);
});

test("a long answer of the API travels small to who takes it so, and says the same", async () => {
  const token = (await readFile(join(folder, "operator-token"), "utf8")).trim();
  const authorization = `Bearer ${token}`;
  const plain = await ask("/openapi.json", "GET", { authorization });
  assert.ok(plain.body.length > 50_000);
  const answer = await fetch(`http://127.0.0.1:${server.port}/openapi.json`, {
    headers: { authorization, "accept-encoding": "gzip" },
  });
  assert.equal(answer.headers.get("content-encoding"), "gzip");
  assert.equal(answer.headers.get("content-type"), plain.headers["content-type"]);
  assert.ok(Number(answer.headers.get("content-length")) < plain.body.length / 4);
  assert.deepEqual(await answer.json(), JSON.parse(plain.body));
  const short = await fetch(`http://127.0.0.1:${server.port}/tasks`, { headers: { authorization } });
  assert.equal(short.headers.get("content-encoding"), null);
});

test("HEAD answers as GET does, without the body; other methods are the API's", async () => {
  const head = await ask("/", "HEAD");
  assert.equal(head.status, 200);
  assert.equal(head.body, "");
  assert.equal((await ask("/", "POST")).status, 401);
});

test("a missing build is reported with the command that makes it", async () => {
  const { status, body } = await ask("/app.css");
  assert.equal(status, 503);
  assert.match(body, /npm run build/);
});

test("nothing is served that is not in the table, however the path is written", async () => {
  const paths = [
    "/secret.txt",
    "/index.html",
    "/operator-token",
    "/../operator-token",
    "/..%2foperator-token",
    "/%2e%2e/operator-token",
    "/app.js/../operator-token",
    "/app.js%00.txt",
    "//app.js",
    "/./app.js",
    "/APP.JS",
    "/app.js/",
    "/..\\operator-token",
    "/constructor",
    "/__proto__",
  ];
  for (const path of paths) {
    const { status, body } = await ask(path);
    assert.ok(status === 401 || status === 400, `${path} → ${status}`);
    assert.doesNotMatch(body, /not to be served/);
  }
});

test("the API beside the page still asks for the token, and takes it from the header only", async () => {
  const token = (await readFile(join(folder, "operator-token"), "utf8")).trim();
  for (const path of ["/fleet", "/tasks", "/events", "/plan", `/tasks?token=${token}`]) {
    assert.equal((await ask(path)).status, 401, path);
  }
  assert.equal((await ask("/tasks", "GET", { authorization: `Bearer ${token}` })).status, 200);
});
