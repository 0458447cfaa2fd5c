/** Streams: events off the wire, a task's output as text, and a stream that is followed through failures. */
import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { ApiError, createApi } from "./api.ts";
import { follow, waitBefore } from "./follow.ts";
import { readHealth, sparkline, withSample } from "./health.ts";
import { emptyOutput, type OutputText, plain, withChunk, withEnd } from "./output-text.ts";

const out = (data: string, stream = "stdout") => ({ stream, data });

test("output is joined by stream, in order; what is no text is counted", () => {
  let text: OutputText = withChunk(emptyOutput, "state", { state: "sent" });
  assert.equal(text.state, "sent");
  text = withChunk(text, "output", out("a"));
  text = withChunk(text, "output", out("b\n"));
  text = withChunk(text, "output", out("oops", "stderr"));
  text = withChunk(text, "output", { stream: "stdout", data: "AAEC", encoding: "base64" });
  assert.equal(text.state, "running");
  assert.deepEqual(text.parts, [
    { stream: "stdout", text: "ab\n" },
    { stream: "stderr", text: "oops" },
    { stream: "stdout", text: "[3 bytes that are no text]\n" },
  ]);
  const end = withEnd(text, { state: "failed", exitCode: 3, error: "e", droppedBytes: 7 }).end;
  assert.deepEqual(end, { state: "failed", exitCode: 3, error: "e", droppedBytes: 7 });
});

test("what was discarded is shown in its place, on a line of its own", () => {
  let text: OutputText = withChunk(emptyOutput, "output", out("1\n2"));
  text = withChunk(text, "output", { ...out("9\n"), gap: { afterLine: 1, bytes: 4_812_345 } });
  text = withChunk(text, "output", { ...out(""), gap: { afterLine: 9, bytes: 1 } });
  assert.deepEqual(text.parts, [
    { stream: "stdout", text: "1\n2" },
    { stream: "gap", text: "\n... 4.8 MB discarded here ...\n" },
    { stream: "stdout", text: "9\n" },
    { stream: "gap", text: "... 1 byte discarded here ...\n" },
  ]);
});

test("an exit code that is the error too is said once", () => {
  const ended = (error: string) => withEnd(emptyOutput, { state: "failed", exitCode: 3, error }).end?.error;
  assert.equal(ended("exit code 3"), null);
  assert.equal(ended("exit code 30"), "exit code 30");
});

test("of much output the end is kept", () => {
  let text: OutputText = emptyOutput;
  for (let i = 0; i < 30; i += 1) text = withChunk(text, "output", out("x".repeat(9_999) + (i % 10)));
  assert.equal(text.cut, true);
  assert.equal(
    text.parts.reduce((n, p) => n + p.text.length, 0),
    200_000,
  );
  assert.ok(text.parts.at(-1)?.text.endsWith("9"));
});

test("control codes are removed, a carriage return restarts the line", () => {
  assert.equal(plain("\x1b[32m✔\x1b[0m done\r\n"), "✔ done\n");
  assert.equal(plain("10 %\r50 %\r100 %\nnext"), "100 %\nnext");
  assert.equal(plain("\x1b]0;title\x07text"), "text");
});

test("figures of a heartbeat are read with care", () => {
  const read = (health: Readonly<Record<string, unknown>>, at = 1) =>
    readHealth({ id: "a", lastHealthCheck: at, health });
  assert.equal(read({}), null);
  assert.equal(read({ cpu: 5 }, 0), null);
  const odd = read({ cpu: "much", memory: null, disk: 140, loadAverage: [0.5] });
  assert.deepEqual([odd?.cpu, odd?.memory, odd?.disk, odd?.load], [null, null, 100, 0.5]);
  const sample = read({ cpu: 5 });
  assert.ok(sample);
  const history = withSample([], sample);
  assert.equal(withSample(history, sample), history);
});

test("a sparkline spans its width; a lone figure is a level line, none is none", () => {
  assert.equal(sparkline([0, null, 100], 10, 12), "0,11 10,1");
  assert.equal(sparkline([50], 10, 12), "0,6 10,6");
  assert.equal(sparkline([null], 10, 12), "");
});

test("waits grow to a bound, with half of each by lot", () => {
  assert.deepEqual(
    [0, 1, 2, 30].map((n) => waitBefore(n, () => 1)),
    [500, 1000, 2000, 15_000],
  );
  assert.equal(
    waitBefore(0, () => 0),
    250,
  );
});

test("a stream that breaks is resumed by its last id and said to be lost; a refused token is not tried again", async () => {
  const asked: (string | undefined)[] = [];
  const answers: ((res: ServerResponse) => void)[] = [
    (res) => res.end("id: 4\nevent: a\ndata: 1\n\nid: 5\nevent: b\nda"),
    (res) => res.destroy(),
    (res) => res.end('id: 6\nevent: c\ndata: {"x":1}\n\n'),
    (res) => res.writeHead(401, { "content-type": "application/problem+json" }).end('{"detail":"no"}'),
  ];
  const server = createServer((req, res) => {
    asked.push(req.headers["last-event-id"] as string | undefined);
    answers[asked.length - 1]?.(res);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const reported: string[] = [];
  const api = createApi({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: "t" });
  const following = follow(api, {
    path: "/events",
    from: null,
    signal: AbortSignal.timeout(20_000),
    onEvent: (e) => void reported.push(e.event),
    onConnecting: () => {},
    onLive: () => void reported.push("live"),
    onLost: () => void reported.push("lost"),
    random: () => 0,
  });
  await assert.rejects(following, (e) => e instanceof ApiError && e.status === 401);
  server.close();
  assert.deepEqual(asked, [undefined, "4", "4", "6"]);
  assert.deepEqual(reported, ["live", "a", "lost", "lost", "live", "c", "lost"]);
});

test("a stream that says nothing for too long counts as lost", async () => {
  const server = createServer((_, res) => void res.write(": open\n\n"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = new AbortController();
  const api = createApi({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: "t" });
  const why = await new Promise<string>((resolve) => {
    void follow(api, {
      path: "/events",
      from: null,
      signal: stop.signal,
      idle: 30,
      onEvent: () => {},
      onConnecting: () => {},
      onLive: () => {},
      onLost: resolve,
    });
  });
  stop.abort();
  server.closeAllConnections();
  server.close();
  assert.match(why, /nothing was heard/);
});
