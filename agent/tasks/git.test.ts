/** The real bundle and real git against a server that wants a password: credentials by secret, branches, refusals. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { config } from "../testing/fake-hub.ts";
import { type World, world } from "../testing/guest.ts";

const TOKEN = "s3cret-token-of-the-test";
const backend = join(spawnSync("git", ["--exec-path"]).stdout.toString().trim(), "git-http-backend");
const options = { skip: !existsSync(backend) && "needs git http-backend" };
const git = (...args: readonly string[]): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { stdio: "pipe" }).toString();

interface GitServer {
  readonly url: string;
  /** The Authorization headers that came. */
  readonly asked: (string | undefined)[];
}

/** git's own CGI program behind basic authentication. */
async function serve(t: TestContext, folder: string): Promise<GitServer> {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    const expected = `Basic ${Buffer.from(`bot:${TOKEN}`).toString("base64")}`;
    if (request.headers.authorization === expected) return void cgi(folder, request, response);
    response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function cgi(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const { headers } = request;
  const child = spawn(backend, {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: "bot",
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: headers["content-encoding"] ?? "",
      // A long body comes in chunks; git's program then reads to the end.
      ...(headers["content-length"] !== undefined && { CONTENT_LENGTH: headers["content-length"] }),
    },
  });
  request.pipe(child.stdin);
  const parts: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  child.on("close", () => {
    const all = Buffer.concat(parts);
    const end = all.indexOf("\r\n\r\n");
    for (const line of all.subarray(0, end).toString().split("\r\n")) {
      const [name = "", value = ""] = line.split(": ");
      if (name === "Status") response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.end(all.subarray(end + 4));
  });
}

/** A bare repository with branches main and next behind the server, and a runtime that has the token as a secret. */
async function scene(t: TestContext): Promise<World & { readonly server: GitServer; readonly repo: string }> {
  const made = await world(t, {
    config: config({ env: { GIT_CONFIG_GLOBAL: "/dev/null" }, secrets: { GIT_TOKEN: TOKEN } }),
  });
  const folder = made.guest.path("/srv/git");
  mkdirSync(folder, { recursive: true });
  const origin = join(folder, "origin.git");
  git("init", "-q", "--bare", "-b", "main", origin);
  git("-C", origin, "config", "http.receivepack", "true");
  const seed = made.guest.path("/srv/seed");
  git("clone", "-q", origin, seed);
  commit(seed, "one");
  git("-C", seed, "push", "-q", "origin", "HEAD:main", "HEAD:next");
  const server = await serve(t, folder);
  return { ...made, server, repo: `${server.url}/origin.git` };
}

function commit(folder: string, name: string): string {
  writeFileSync(join(folder, name), name);
  git("-C", folder, "add", ".");
  git("-C", folder, "commit", "-qm", name);
  return git("-C", folder, "rev-parse", "HEAD").trim();
}

/** Every file below that holds the text. */
function holding(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter(
      (path) => statSync(path, { throwIfNoEntry: false })?.isFile() && readFileSync(path).includes(text),
    );
}

test("a credential by secret: clone, pull and push, and its value is nowhere", options, async (t) => {
  const { hub, guest, server, repo } = await scene(t);
  const by = { credential: "GIT_TOKEN", username: "bot" };
  hub.task("clone", { type: "git:clone", repo, destination: "/home/ubuntu/work", branch: "next", ...by });
  const cloned = await hub.response("clone");
  assert.equal(cloned.success, true, String(cloned.result?.stderr));
  const work = guest.path("/home/ubuntu/work");
  assert.equal(git("-C", work, "branch", "--show-current").trim(), "next");
  assert.ok(server.asked.includes(`Basic ${Buffer.from(`bot:${TOKEN}`).toString("base64")}`));

  const seed = guest.path("/srv/seed");
  const theirs = commit(seed, "two");
  git("-C", seed, "push", "-q", "origin", "HEAD:next");
  // A branch alone means origin's.
  hub.task("pull", { type: "git:pull", repoPath: "/home/ubuntu/work", branch: "next", ...by });
  assert.equal((await hub.response("pull")).success, true);
  assert.equal(git("-C", work, "rev-parse", "HEAD").trim(), theirs);

  const ours = commit(work, "three");
  hub.task("push", { type: "git:push", repoPath: "work", remote: "origin", branch: "next", ...by });
  const pushed = await hub.response("push");
  assert.equal(pushed.success, true, String(pushed.result?.stderr));
  assert.equal(git("-C", guest.path("/srv/git/origin.git"), "rev-parse", "next").trim(), ours);

  assert.deepEqual(holding(guest.root, TOKEN), [], "no file in the guest has it");
  assert.ok(!guest.log.includes(TOKEN), "no log");
  assert.ok(!JSON.stringify(hub.received).includes(TOKEN), "no frame to the hub");
});

test("while git runs, no argument of any process has the credential", options, async (t) => {
  const { hub, guest, repo } = await scene(t);
  // Stands before git on the PATH: writes down every command line of the machine, then is git.
  const spy = guest.path("/srv/bin/git");
  const real = spawnSync("sh", ["-c", "command -v git"]).stdout.toString().trim();
  mkdirSync(join(spy, ".."), { recursive: true });
  const lines = guest.path("/srv/lines");
  const script = `#!/bin/sh\n"${real}" "$@" &\nfor i in 1 2 3 4 5 6 7 8; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' >> "${lines}"; done\nwait $!\n`;
  writeFileSync(spy, script, { mode: 0o755 });
  const env = { PATH: `${join(spy, "..")}:${process.env.PATH}` };
  const by = { credential: "GIT_TOKEN", username: "bot", env };
  hub.task("clone", { type: "git:clone", repo, destination: "work", ...by });
  const cloned = await hub.response("clone");
  assert.equal(cloned.success, true, String(cloned.result?.stderr));
  const seen = readFileSync(lines, "utf8");
  assert.ok(seen.includes("VM_AGENT_GIT_USERNAME"), "git's own command line is among them");
  assert.ok(!seen.includes(TOKEN));
});

test("what git itself would print of a credential is masked", options, async (t) => {
  const { hub } = await scene(t);
  hub.task("echo", { command: 'echo "$GIT_TOKEN"; echo "$GIT_TOKEN" >&2' });
  const { result } = await hub.response("echo");
  assert.deepEqual([result?.stdout, result?.stderr], ["***\n", "***\n"]);
});

test("without the credential, or with a wrong one: a clean failure without a prompt", options, async (t) => {
  const { hub, repo } = await scene(t);
  const task = { type: "git:clone", repo, destination: "work" };
  hub.task("none", task);
  const none = await hub.response("none");
  assert.equal(none.success, false);
  assert.match(String(none.result?.stderr), /could not read Username|terminal prompts disabled/);
  hub.task("wrong", { ...task, credential: "GIT_TOKEN", username: "git-user" });
  const wrong = await hub.response("wrong");
  assert.equal(wrong.success, false);
  assert.match(String(wrong.result?.stderr), /Authentication failed/);
  hub.task("absent", { ...task, credential: "OTHER" });
  assert.equal((await hub.response("absent")).error?.code, "no-such-secret");
  hub.task("odd", { ...task, credential: "X; touch /tmp/x" });
  assert.equal((await hub.response("odd")).error?.code, "invalid");
});

test("no field of a git task becomes an option", options, async (t) => {
  const { hub, guest } = await scene(t);
  const dashed: readonly Readonly<Record<string, string>>[] = [
    { type: "git:clone", repo: "--upload-pack=touch x", destination: "work" },
    { type: "git:clone", repo: "x", destination: "--template=x" },
    { type: "git:clone", repo: "x", destination: "work", branch: "--depth=1" },
    { type: "git:pull", repoPath: "-c" },
    { type: "git:pull", repoPath: "work", remote: "--upload-pack=touch x" },
    { type: "git:push", repoPath: "work", remote: "origin", branch: "--force" },
    { type: "git:push", repoPath: "work", remote: "--receive-pack=touch x" },
  ];
  for (const [index, task] of dashed.entries()) {
    hub.task(`t${index}`, task);
    assert.equal((await hub.response(`t${index}`)).error?.code, "invalid", JSON.stringify(task));
  }
  hub.task("ext", {
    type: "git:clone",
    repo: `ext::sh -c touch% ${guest.path("/srv/x")}`,
    destination: "work",
  });
  assert.equal((await hub.response("ext")).success, false);
  assert.ok(!existsSync(guest.path("/srv/x")));
});
