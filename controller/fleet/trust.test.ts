/** fleet-trust.ts: what no fleet may name, what a followed remote may not without its operator, and each way around that. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { NOTHING_ALLOWED, readSettings } from "../base/env.ts";
import { agentOf } from "../core/testing/build.ts";
import { errorLine } from "./errors.ts";
import { createGitReader } from "./git/reader.ts";
import { type FleetRead, type LoadOptions, loadFleet } from "./load.ts";
import { allowedWords } from "./trust.ts";
import { createRuntimeConfigs } from "../runtimes/config.ts";
import { repositoryOf } from "./git/testing/repository.ts";

const agent = (more: string) => `kind: Agent\nname: a\n${more}\n`;
const linesOf = (read: FleetRead) => (read.ok ? [] : read.errors.map(errorLine));

/** A fleet folder with vm-agent's state folder beside it, and a link to that from inside. */
function place(t: TestContext) {
  const top = mkdtempSync(join(tmpdir(), "vm-agent-trust-"));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const fleet = join(top, "fleet");
  const home = join(top, ".vm-agent");
  for (const folder of [fleet, home]) mkdirSync(folder);
  writeFileSync(join(home, "operator-token"), "t0ken: [\n");
  writeFileSync(join(home, "init.cfg"), "packages: [git]\n");
  symlinkSync("../.vm-agent", join(fleet, "notes"));
  return { top, fleet, home, options: { home, allow: NOTHING_ALLOWED } satisfies LoadOptions };
}

const OWN = "in the state folder of vm-agent";

/** For every fleet, its own operator's too: the document, and what its error says. */
const ALWAYS: readonly (readonly [what: string, document: (top: string) => string, error: RegExp])[] = [
  [
    "fromFile",
    () => "secrets: {S: {fromFile: ../.vm-agent/operator-token}}",
    /\/secrets\/S\/fromFile is .*state folder/,
  ],
  [
    "fromFile by a link",
    () => "secrets: {S: {fromFile: notes/operator-token}}",
    /\/secrets\/S\/fromFile is .*which leads to .*state folder/,
  ],
  [
    "fromFile that is not there yet",
    () => "secrets: {S: {fromFile: notes/later}}",
    /\/secrets\/S\/fromFile is .*state folder/,
  ],
  ["fromFile of this process", () => "secrets: {S: {fromFile: /proc/self/environ}}", /describes processes/],
  [
    "fromEnv",
    () => "secrets: {S: {fromEnv: VM_AGENT_TOKEN}}",
    /fromEnv is VM_AGENT_TOKEN, a variable of vm-agent itself/,
  ],
  ["cloudInit", () => "provision: {cloudInit: notes/init.cfg}", /\/provision\/cloudInit is .*state folder/],
  ["a mount", () => "mounts: [{source: ../.vm-agent, target: /x}]", /\/mounts\/0\/source is .*state folder/],
  [
    "a mount of what holds it",
    (top) => `mounts: [{source: ${top}, target: /x}]`,
    /holds the state folder of vm-agent/,
  ],
  ["a mount of everything", () => "mounts: [{source: /, target: /x}]", /holds the state folder of vm-agent/],
  ["an image", (top) => `image: file://${top}/.vm-agent/vm-agent.db`, /\/image is .*state folder/],
];

for (const [what, document, error] of ALWAYS) {
  for (const kind of ["Agent", "Profile"]) {
    test(`never, whoever wrote it: ${what} of a ${kind}`, async (t) => {
      const { top, fleet, options } = place(t);
      writeFileSync(join(fleet, "a.yaml"), agent(document(top)).replace("Agent", kind));
      const [line = "", ...more] = linesOf(await loadFleet(fleet, options));
      assert.match(line, /^a\.yaml:3:\d+ /);
      assert.match(line, error);
      assert.deepEqual(more, []);
    });
  }
}

test("never: a document or a folder of documents that is a link into the state folder; nothing of it is shown", async (t) => {
  const { fleet, home, options } = place(t);
  writeFileSync(join(home, "evil.yaml"), agent("cpu: 1"));
  symlinkSync("../.vm-agent/operator-token", join(fleet, "x.yaml"));
  const read = await loadFleet(fleet, options);
  assert.deepEqual(linesOf(read), ["x.yaml is a link into the state folder of vm-agent; take it out"]);
  assert.doesNotMatch(JSON.stringify(read), /t0ken/);
  rmSync(join(fleet, "x.yaml"));
  const without = await loadFleet(fleet, options);
  assert.ok(without.ok && without.desired.agents.length === 0);
});

test("a fleet of the working tree may name everything else of its operator's machine", async (t) => {
  const { fleet, top, options } = place(t);
  writeFileSync(join(top, "key"), "k");
  writeFileSync(
    join(fleet, "a.yaml"),
    agent(
      `secrets: {S: {fromFile: ${top}/key}, T: {fromEnv: HOME}}\nmounts: [{source: ${fleet}, target: /x}]\nimage: "http://127.0.0.1/x.img"`,
    ),
  );
  writeFileSync(join(fleet, "f.yaml"), 'kind: Fleet\nnotify: [{url: "http://127.0.0.1:1/", on: [held]}]\n');
  assert.deepEqual(linesOf(await loadFleet(fleet, options)), []);
});

/** A fleet that follows `origin/main`, to which others push. */
async function followed(t: TestContext, document: string, env: Readonly<Record<string, string>> = {}) {
  const w = repositoryOf(t);
  await w.init();
  const remote = mkdtempSync(join(tmpdir(), "vm-agent-remote-"));
  t.after(() => rmSync(remote, { recursive: true, force: true }));
  await w.git("init", "--quiet", "--bare", remote);
  await w.git("remote", "add", "origin", remote);
  w.write("fleet/fleet.yaml", "kind: Fleet\ngit: {follow: true, remote: origin, branch: main}\n");
  w.write("fleet/a.yaml", agent("cpu: 1"));
  const good = await w.commit();
  w.write("fleet/a.yaml", document.startsWith("kind: Fleet") ? agent("cpu: 1") : agent(document));
  if (document.startsWith("kind: Fleet")) w.write("fleet/fleet.yaml", document);
  w.write("init/inside.cfg", "packages: [git]\n");
  await w.commit();
  await w.git("push", "--quiet", "origin", "main");
  await w.git("reset", "--hard", "--quiet", good);
  const home = join(w.top, ".vm-agent");
  const { allow } = readSettings({ home }, env, w.top);
  const reader = createGitReader(w.fleet, { home, allow });
  const read = await reader.read();
  assert.equal(reader.state()?.follows, "origin/main");
  return { read, top: w.top };
}

const HOSTS = "VM_AGENT_ALLOW_HOSTS";
const fleetWith = (more: string) =>
  `kind: Fleet\ngit: {follow: true, remote: origin, branch: main}\n${more}\n`;
const notify = (url: string) => fleetWith(`notify: [{url: "${url}", on: [held]}]`);

/** What the remote's author writes, the setting that would allow it, and values of it that do and that do not. */
const REMOTE: readonly {
  readonly what: string;
  readonly document: string;
  readonly place: RegExp;
  readonly setting?: string;
  readonly allows?: readonly string[];
  readonly not?: readonly string[];
}[] = [
  {
    what: "fromFile",
    document: "secrets: {S: {fromFile: /etc/hostname}}",
    place: /^a\.yaml:3:\d+ \/secrets\/S\/fromFile is \/etc\/hostname/,
    setting: "VM_AGENT_ALLOW_PATHS",
    allows: ["/etc", "/etc/hostname", "/srv:/etc"],
    not: ["/etc/host", "/srv", "etc"],
  },
  {
    what: "fromEnv",
    document: "secrets: {S: {fromEnv: AWS_SECRET_ACCESS_KEY}}",
    place: /^a\.yaml:3:\d+ \/secrets\/S\/fromEnv is AWS_SECRET_ACCESS_KEY/,
    setting: "VM_AGENT_ALLOW_ENV",
    allows: ["AWS_SECRET_ACCESS_KEY", "A, AWS_SECRET_ACCESS_KEY"],
    not: ["AWS_SECRET", "*"],
  },
  {
    what: "a mount",
    document: "mounts: [{source: /etc, target: /x}]",
    place: /^a\.yaml:3:\d+ \/mounts\/0\/source is \/etc/,
    setting: "VM_AGENT_ALLOW_PATHS",
    allows: ["/etc"],
    not: ["/etc/ssl"],
  },
  {
    what: "a mount of its own working tree",
    document: "mounts: [{source: ., target: /x}]",
    place: /^a\.yaml:3:\d+ \/mounts\/0\/source is /,
    setting: "VM_AGENT_ALLOW_PATHS",
    allows: ["."],
  },
  {
    what: "a cloud-init file outside of the repository",
    document: "provision: {cloudInit: /etc/hostname}",
    place: /^a\.yaml:3:\d+ \/provision\/cloudInit is \/etc\/hostname/,
    setting: "VM_AGENT_ALLOW_PATHS",
  },
  {
    what: "an image of this machine",
    document: "image: file:///etc/hostname",
    place: /^a\.yaml:3:\d+ \/image is \/etc\/hostname/,
    setting: "VM_AGENT_ALLOW_PATHS",
    allows: ["/etc"],
  },
  {
    what: "an image of a host",
    document: 'image: "https://images.example/x.img"',
    place: /^a\.yaml:3:\d+ \/image is on images\.example/,
    setting: HOSTS,
    allows: ["images.example", "Images.Example."],
    not: ["example", "x.images.example"],
  },
  {
    what: "an image of the cloud's metadata service",
    document: 'image: "http://169.254.169.254/latest/x.img"',
    place: /\/image is on 169\.254\.169\.254/,
    setting: HOSTS,
    allows: ["169.254.0.0/16"],
  },
  ...[
    "http://127.0.0.1:9091/",
    "http://localhost/",
    "http://a.localhost./",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[fe80::1]/",
    "http://192.168.1.1/",
    "http://0/",
  ].map((url) => ({
    what: `notify ${url}`,
    document: notify(url),
    place: /^fleet\.yaml:3:\d+ \/notify\/0\/url is on .*this machine or a private network/,
    setting: HOSTS,
  })),
  {
    what: "notify of a private network",
    document: notify("http://10.1.2.3/hook"),
    place: /\/notify\/0\/url is on 10\.1\.2\.3/,
    setting: HOSTS,
    allows: ["10.1.2.3", "10.1.0.0/16"],
    not: ["10.2.0.0/16", "10.1.2.3/99"],
  },
  {
    what: "the sandbox as driver",
    document: fleetWith("driver: sandbox"),
    place: /^fleet\.yaml:3:\d+ \/driver is sandbox/,
  },
];

for (const { what, document, place: at, setting, allows = [], not = [] } of REMOTE) {
  test(`a followed remote: ${what} is refused with field, place and setting`, async (t) => {
    for (const value of [null, ...not]) {
      const { read } = await followed(t, document, value === null || !setting ? {} : { [setting]: value });
      const [line = "", ...more] = linesOf(read);
      assert.match(line, at, `${value}`);
      assert.deepEqual(more, []);
      if (setting) assert.match(line, new RegExp(`${setting}=\\S+ allows it`));
    }
    for (const value of setting ? allows : []) {
      const { read } = await followed(t, document, { [setting ?? ""]: value });
      assert.deepEqual(linesOf(read), [], value);
      assert.ok(read.ok && read.desired.restricted);
    }
  });
}

test("a followed remote: what is its own, and public hosts, need nothing; a link out of the repository leads nowhere", async (t) => {
  const own = await followed(t, "provision: {cloudInit: ../init/inside.cfg}\nenv: {A: b}");
  assert.deepEqual(linesOf(own.read), []);
  const reported = await followed(t, notify("https://hooks.example/x"));
  assert.deepEqual(linesOf(reported.read), []);
});

test("the words for people name each setting, or that nothing is allowed", () => {
  assert.equal(allowedWords(NOTHING_ALLOWED), "nothing of this machine is allowed");
  const env = { VM_AGENT_ALLOW_PATHS: "/a:/b", VM_AGENT_ALLOW_ENV: "X Y", VM_AGENT_ALLOW_HOSTS: "h" };
  const { allow } = readSettings({}, env, "/");
  assert.equal(
    allowedWords(allow),
    "allowed of this machine: VM_AGENT_ALLOW_PATHS=/a:/b VM_AGENT_ALLOW_ENV=X,Y VM_AGENT_ALLOW_HOSTS=h",
  );
});

test("a secret is judged again when it is read: a link that was moved since, an older fleet that is still in force", async (t) => {
  const { top, fleet, home } = place(t);
  const link = join(fleet, "key");
  writeFileSync(join(top, "value"), "fine\n");
  symlinkSync("../value", link);
  let restricted = false;
  const trust = () => ({ home, allow: NOTHING_ALLOWED, restricted });
  const env = { VM_AGENT_TOKEN: "secret", OTHER: "x" };
  const configs = createRuntimeConfigs({ env, key: Buffer.from("k"), trust });
  const a = { ...agentOf({ name: "a" }), secrets: { K: { fromFile: link }, O: { fromEnv: "OTHER" } } };
  assert.deepEqual((await configs.read(a)).config.secrets, { K: "fine", O: "x" });
  rmSync(link);
  symlinkSync("../.vm-agent/operator-token", link);
  const moved = await configs.read(a);
  assert.deepEqual(moved.config.secrets, { O: "x" });
  assert.equal(moved.config.keepSecrets, undefined, "the runtime does not keep it either");
  assert.match(moved.missing[0]?.message ?? "", new RegExp(`secret K of a: its source is .*${OWN}`));
  const older = { ...agentOf({ name: "b" }), secrets: { T: { fromEnv: "VM_AGENT_TOKEN" } } };
  assert.deepEqual((await configs.read(older)).config.secrets, {});
  restricted = true;
  const { missing } = await configs.read({ ...a, secrets: { O: { fromEnv: "OTHER" } } });
  assert.match(missing[0]?.release ?? "", /VM_AGENT_ALLOW_ENV=OTHER allows it/);
});
