/** home.ts: the state folder, and how commands find the hub that runs for it. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type EnvRecord, readSettings } from "../../base/env.ts";
import { makeHome } from "../../base/home.ts";
import { type HubFile, findHub, needHub, readHubFile, removeHubFile, writeHubFile } from "./home.ts";

function settingsOf(t: TestContext, env: EnvRecord = {}) {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-home-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return readSettings({}, env, folder);
}

/** A hub, as far as these commands look: its health, and who asked with which token. */
async function hubOf(t: TestContext, status = 200, health = "{}") {
  const asked: (string | undefined)[] = [];
  const server: Server = createServer((request, response) => {
    if (request.url !== "/health") asked.push(request.headers.authorization);
    response
      .writeHead(status, { "content-type": "application/json" })
      .end(request.url === "/health" ? health : "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => new Promise((resolve) => server.close(resolve));
  t.after(stop);
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked, stop };
}

const file = (http: string): HubFile => ({
  pid: 1,
  startedAt: 0,
  http,
  agent: "ws://x",
  dashboard: "http://x",
  driver: "sandbox",
  sandbox: true,
});

test("the folder is private to its owner and ignored by git; making it again is fine", (t) => {
  const { home } = settingsOf(t);
  makeHome(home);
  makeHome(home);
  assert.equal(statSync(home).mode & 0o777, 0o700);
  assert.equal(readFileSync(join(home, ".gitignore"), "utf8"), "*\n");
});

test("a folder that cannot be used is named, with the way out", (t) => {
  const { fleet } = settingsOf(t);
  writeFileSync(fleet, "");
  assert.throws(
    () => makeHome(join(fleet, "home")),
    (error: { code?: string; next?: string }) =>
      error.code === "home-unusable" && /--home or VM_AGENT_HOME/.test(error.next ?? ""),
  );
});

test("what a hub bound is written whole, private, and gone when it ends", (t) => {
  const { home } = settingsOf(t);
  makeHome(home);
  writeHubFile(home, file("http://127.0.0.1:1"));
  assert.deepEqual(readHubFile(home), file("http://127.0.0.1:1"));
  assert.equal(statSync(join(home, "hub.json")).mode & 0o077, 0);
  assert.equal(existsSync(join(home, "hub.json.tmp")), false);
  removeHubFile(home);
  removeHubFile(home);
  assert.equal(readHubFile(home), null);
});

test("a hub is found by what it wrote, with the operator's token from the folder", async (t) => {
  const settings = settingsOf(t);
  const hub = await hubOf(t);
  makeHome(settings.home);
  writeHubFile(settings.home, file(hub.url));
  assert.equal(await findHub(settings), null, "without a token no request is made");
  writeFileSync(join(settings.home, "operator-token"), "secret\n");
  const found = await findHub(settings);
  assert.equal(found?.file?.http, hub.url);
  await found?.api.get("/fleet");
  assert.deepEqual(hub.asked, ["Bearer secret"]);
});

test("the one that VM_AGENT_URL and VM_AGENT_TOKEN name comes first", async (t) => {
  const [named, own] = [await hubOf(t), await hubOf(t)];
  const settings = settingsOf(t, { VM_AGENT_URL: named.url, VM_AGENT_TOKEN: "given" });
  makeHome(settings.home);
  writeHubFile(settings.home, file(own.url));
  writeFileSync(join(settings.home, "operator-token"), "secret\n");
  await (await findHub(settings))?.api.get("/fleet");
  assert.deepEqual([named.asked, own.asked], [["Bearer given"], []]);
});

test("one that has ended, one that is unwell and a torn file are no hub", async (t) => {
  const settings = settingsOf(t);
  makeHome(settings.home);
  writeFileSync(join(settings.home, "operator-token"), "secret");
  const ended = await hubOf(t);
  await ended.stop();
  const unwell = await hubOf(t, 503);
  for (const url of [ended.url, unwell.url]) {
    writeHubFile(settings.home, file(url));
    assert.equal(await findHub(settings), null);
    await assert.rejects(needHub(settings), {
      code: "hub-unreachable",
      exit: 69,
      message: `no hub answers at ${url}`,
    });
  }
  writeFileSync(join(settings.home, "hub.json"), '{"http": "ht');
  assert.equal(await findHub(settings), null);
  await assert.rejects(needHub(settings), { message: `no hub runs for ${settings.fleet}` });
});

test("a hub of another run at the recorded address is not the one that wrote it, and gets no token", async (t) => {
  const settings = settingsOf(t);
  makeHome(settings.home);
  writeFileSync(join(settings.home, "operator-token"), "secret");
  const hub = await hubOf(t, 200, '{"run":"b"}');
  const other = await hubOf(t, 200, "no hub at all");
  for (const [url, run, found] of [
    [hub.url, "b", true],
    [hub.url, "a", false],
    [other.url, "a", false],
  ] as const) {
    writeHubFile(settings.home, { ...file(url), run });
    assert.equal((await findHub(settings)) !== null, found, `${url} ${run}`);
  }
  assert.deepEqual(hub.asked, []);
});
