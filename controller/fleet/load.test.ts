import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { errorLine, maskSecrets } from "./errors.ts";
import { createFleetReader, type FleetRead, loadFleet } from "./load.ts";
import { parseFleetText } from "./parse.ts";
import { reportErrors } from "./report.ts";

const root = mkdtempSync(join(tmpdir(), "vm-agent-fleet-"));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = join(root, `f${count++}`);
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const agent = (name: string, more = "") => `kind: Agent\nname: ${name}\n${more}`;
const linesOf = (read: FleetRead) => (read.ok ? [] : read.errors.map(errorLine));
const namesOf = (read: FleetRead) => (read.ok ? read.desired.agents.map(({ name }) => name) : null);

test("finds what is a fleet file and nothing else, in one order", async () => {
  const folder = folderWith({
    "b.yml": agent("b"),
    "a/z.yaml": agent("z"),
    "a/.hidden.yaml": "{",
    ".git/x.yaml": "{",
    "c.yaml~": "{",
    ".#c.yaml": "{",
    "#c.yaml#": "{",
    ".c.yaml.swp": "{",
    "README.md": "{",
    "init.yaml": "#cloud-config\npackages: [git]\n",
    "d.yaml": `\n---\n${agent("d1")}---\n${agent("d2")}`,
    ".vm-agent/state.yaml": "{",
    "state/x.yaml": "{",
  });
  symlinkSync("..", join(folder, "a", "loop"));
  const read = await loadFleet(folder, { home: join(folder, "state") });
  assert.deepEqual(linesOf(read), []);
  assert.deepEqual(read.files, ["a/z.yaml", "b.yml", "d.yaml"]);
  assert.deepEqual(namesOf(read), ["b", "d1", "d2", "z"]);
  if (read.ok) assert.deepEqual(read.desired.agents[2]?.source, { file: "d.yaml", line: 6, column: 1 });
});

test("a missing folder is an error, an empty one holds deletions", async () => {
  const missing = await loadFleet(join(root, "nowhere"));
  assert.ok(!missing.ok && missing.guard.reason === "empty");
  assert.match(linesOf(missing)[0] ?? "", /does not exist/);
  const empty = await loadFleet(folderWith({ "a.yaml": "# nothing yet\n" }));
  assert.ok(empty.ok && empty.desired.guard?.reason === "empty");
});

test("what cannot be read guards as unreadable", async () => {
  const folder = folderWith({ "a.yaml": agent("a") });
  symlinkSync("nowhere.yaml", join(folder, "b.yaml"));
  const read = await loadFleet(folder);
  assert.deepEqual(linesOf(read), ["b.yaml is a link that leads nowhere"]);
  assert.ok(!read.ok && read.guard.reason === "unreadable");
});

test("a file without permission", {
  skip: process.getuid?.() === 0 && "root may read everything",
}, async () => {
  const folder = folderWith({ "a.yaml": agent("a") });
  chmodSync(join(folder, "a.yaml"), 0);
  assert.match(linesOf(await loadFleet(folder))[0] ?? "", /^a\.yaml cannot be read: permission denied/);
});

test("paths start at the document that wrote them, also through a profile", async () => {
  const folder = folderWith({
    "agents/a.yaml": agent("a", "profile: p\nsecrets: {K: {fromFile: ~/k}, L: {fromFile: ./l}}\n"),
    "profiles/p.yaml":
      "kind: Profile\nname: p\nmounts: [{source: ./work, target: /work}]\nprovision: {cloudInit: ./ci/x.yaml}\n",
    "profiles/ci/x.yaml": "write_files:\n  - {path: /x, permissions: 0644}\n",
  });
  const read = await loadFleet(folder, { userHome: "/home/me" });
  assert.ok(read.ok, linesOf(read).join());
  const [a] = read.desired.agents;
  assert.deepEqual(a?.mounts, [{ source: join(folder, "profiles/work"), target: "/work" }]);
  assert.deepEqual(a?.secrets, { K: { fromFile: "/home/me/k" }, L: { fromFile: join(folder, "agents/l") } });
  assert.deepEqual(a?.provision.cloudInit, { write_files: [{ path: "/x", permissions: 0o644 }] });
});

test("what cannot become user data is reported at its document, with the fix", async () => {
  const folder = folderWith({
    "agents/a.yaml": agent("a", "provision:\n  packages: [git]\n  cloudInit: ../files/a.yaml\n"),
    "agents/b.yaml": `${agent("b", "profile: p\n")}---\n${agent("c", "profile: p\nreplicas: 2\n")}`,
    "agents/d.yaml": agent(
      "d",
      'provision:\n  files:\n    - {path: /etc/motd, content: hi}\n    - {path: /etc/vm-agent/runtime.json, content: "{}"}\n',
    ),
    "agents/e.yaml": agent(
      "e",
      `provision: {cloudInit: ../files/e.yaml, files: [{path: /opt/e, content: "${"\u{1f4be}".repeat(220_000)}"}]}\n`,
    ),
    "files/e.yaml": `#cloud-config\nwrite_files: [{path: /opt/f, content: "${"ab ".repeat(320_000)}"}]\n`,
    "files/a.yaml": "#cloud-config\npackage_update: false\nwrite_files: none\n",
    "files/p.yaml": "#cloud-config\nruncmd: echo\n",
    "profiles/p.yaml": "kind: Profile\nname: p\nprovision: {cloudInit: ../files/p.yaml}\n",
  });
  const next = "change the cloud-init file, or take it out of provision";
  const expected = [
    `agents/a.yaml:5:14 /provision/cloudInit does not go with what vm-agent adds: package_update: vm-agent needs true, the file says false; ${next}`,
    `agents/a.yaml:5:14 /provision/cloudInit does not go with what vm-agent adds: write_files: must be a list, so that vm-agent can add to it; ${next}`,
    "agents/d.yaml:6:14 /provision/files/1/path is /etc/vm-agent/runtime.json, which vm-agent itself writes; give the file another path",
    "agents/e.yaml:3:12 /provision makes 2397 KiB of cloud-init, and 2048 KiB are the most; mount or fetch what is large",
    `profiles/p.yaml:3:24 /provision/cloudInit does not go with what vm-agent adds: runcmd: must be a list, so that vm-agent can add to it; ${next}`,
  ];
  const reader = createFleetReader(folder);
  assert.deepEqual(linesOf(await reader.read()), expected);
  writeFileSync(join(folder, "files/p.yaml"), "#cloud-config\nruncmd: [echo]\n");
  assert.deepEqual(linesOf(await reader.reread([join(folder, "files/p.yaml")])), expected.slice(0, -1));
  mkdirSync(join(folder, "files/dir"));
  writeFileSync(join(folder, "agents/f.yaml"), agent("f", "provision: {cloudInit: ../files/dir}\n"));
  assert.match(
    linesOf(await reader.read()).find((line) => line.startsWith("agents/f")) ?? "",
    /^agents\/f\.yaml:3:\d+ \/provision\/cloudInit is "\.\.\/files\/dir"; files\/dir is a folder; name a cloud-init file/,
  );
});

test("what of a cloud-init file cannot reach the instance unchanged is refused at its line, without the value", async () => {
  const folder = folderWith({
    "a.yaml": agent("a", "provision: {cloudInit: ./ci/a.cfg}\n"),
    "ci/a.cfg":
      "#cloud-config\nusers:\n  - name: x\n    expiredate: 2032-09-01\nwrite_files:\n  - {path: /x, content: 12, permissions: u+x}\n" +
      "runcmd:\n  - [echo, true]\nbootcmd: [yes]\nchpasswd: {users: [{name: x, password: !!binary aGVsbG8=}]}\n",
    "b.yaml": agent("b", "provision: {cloudInit: ./ci/b.cfg}\n"),
    "ci/b.cfg": "## template: jinja\n#cloud-config\npackages: [jq]\n",
  });
  assert.deepEqual(linesOf(await loadFleet(folder)), [
    "ci/a.cfg:4:17 /users/0/expiredate is a date; put it in quotes; cloud-init expects text",
    "ci/a.cfg:6:25 /write_files/0/content is not text; put it in quotes",
    'ci/a.cfg:6:42 /write_files/0/permissions is not octal; write octal digits in quotes, such as "0644"',
    "ci/a.cfg:8:12 /runcmd/0/1 is not text; put it in quotes",
    "ci/a.cfg:9:11 /bootcmd/0 is neither text nor a list of words; put it in quotes",
    "ci/a.cfg:10:49 /chpasswd/users/0/password is binary, which only the content of write_files may be; write it as text",
    "ci/b.cfg is a template, and Multipass drops the comment that says so; write the values themselves",
  ]);
});

test("warnings do not stand in the way", async () => {
  const folder = folderWith({
    "a.yaml": agent("a", "dependsOn: [b]\nrestore: {snapshot: cleen, token: x}\n"),
    "b.yaml": agent("b", "state: stopped\n"),
    "s.yaml": "kind: Snapshot\nname: clean\nagent: a\n---\nkind: Snapshot\nname: s\nselector: {type: none}\n",
  });
  const read = await loadFleet(folder);
  assert.ok(read.ok);
  assert.deepEqual(read.warnings.map(errorLine), [
    'a.yaml:3:13 /dependsOn/0 is "b", which is to be stopped; this agent is started once it is Stopped, not Ready',
    'a.yaml:4:21 /restore/snapshot is "cleen"; no Snapshot of that name is declared for this agent, so it must exist already; did you mean "clean"?',
    "s.yaml:7:11 /selector matches no agent",
  ]);
  assert.match(reportErrors(read.warnings, { color: false }), /^warning: a\.yaml:3:13/);
});

test("names that the hub uses itself are refused, in any case, also as a former name", async () => {
  const files = Object.fromEntries(
    ["hub", "Host", "BROADCAST", "operator", "hubs", "a-hub"].map((name) => [`${name}.yaml`, agent(name)]),
  );
  files["renamed.yaml"] = agent("renamed", "previousName: hub\n");
  assert.deepEqual(
    linesOf(await loadFleet(folderWith(files))).map((line) => line.split(";", 1)[0]),
    [
      'BROADCAST.yaml:2:7 /name is "BROADCAST"',
      'Host.yaml:2:7 /name is "Host"',
      'hub.yaml:2:7 /name is "hub"',
      'operator.yaml:2:7 /name is "operator"',
      'renamed.yaml:3:15 /previousName is "hub"',
    ],
  );
});

test("VM_AGENT_ variables are refused in env and secrets; those that steer programs are warned of", async () => {
  const bad = "env: {VM_AGENT_HOME: /x, OTHER: y}\nsecrets: {VM_AGENT_TOKEN: {fromEnv: VM_AGENT_TEST}}\n";
  const read = await loadFleet(
    folderWith({ "a.yaml": agent("a", bad), "p.yaml": `kind: Profile\nname: p\n${bad}` }),
  );
  assert.deepEqual(
    linesOf(read).map((line) => line.split(" is ", 1)[0]),
    [
      "a.yaml:3:7 /env/VM_AGENT_HOME",
      "a.yaml:4:11 /secrets/VM_AGENT_TOKEN",
      "p.yaml:3:7 /env/VM_AGENT_HOME",
      "p.yaml:4:11 /secrets/VM_AGENT_TOKEN",
    ],
  );
  assert.ok(linesOf(read).every((line) => line.includes("VM_AGENT_, which is reserved")));
  const steering = "env: {PATH: /x, NODE_ENV: test}\nsecrets: {LD_PRELOAD: {fromEnv: TEST_VALUE}}\n";
  const warned = await loadFleet(
    folderWith({
      "a.yaml": agent("a", steering),
      "p.yaml": "kind: Profile\nname: p\nenv: {NODE_OPTIONS: x}\n",
    }),
  );
  assert.ok(warned.ok);
  assert.deepEqual(
    warned.warnings.map((warning) => errorLine(warning).split(" decides", 1)[0]),
    ["a.yaml:3:7 /env/PATH", "a.yaml:4:11 /secrets/LD_PRELOAD", "p.yaml:3:7 /env/NODE_OPTIONS"],
  );
});

test("an unknown name is not reported while a file that may declare it cannot be read", async () => {
  const read = await loadFleet(
    folderWith({ "a.yaml": agent("a", "dependsOn: [b]\n"), "b.yaml": "kind: Agent\nname: b\n\tcpu: 2\n" }),
  );
  assert.equal(linesOf(read).length, 1);
  assert.match(linesOf(read)[0] ?? "", /^b\.yaml:3:1 /);
});

test("only what changed is read again", async () => {
  const folder = folderWith({
    "a.yaml": agent("a", "provision: {cloudInit: ./ci.cfg}\n"),
    "b.yaml": agent("b"),
    "ci.cfg": "packages: [git]\n",
  });
  const reader = createFleetReader(folder);
  const first = await reader.read();
  assert.ok(first.ok);
  assert.deepEqual(reader.needs(), [join(folder, "ci.cfg")]);
  const again = await reader.read();
  assert.ok(again.ok && again.desired.agents[1] === first.desired.agents[1]);
  writeFileSync(join(folder, "b.yaml"), agent("b", "cpu: 4\n"));
  const edited = await reader.reread([join(folder, "b.yaml")]);
  assert.ok(edited.ok);
  assert.equal(edited.desired.agents[0], first.desired.agents[0]);
  assert.equal(edited.desired.agents[1]?.size.cpu, 4);
  writeFileSync(join(folder, "ci.cfg"), "packages: [git, jq]\n");
  utimesSync(join(folder, "ci.cfg"), 1, 1);
  const provisioned = await reader.read();
  assert.ok(provisioned.ok);
  assert.notEqual(provisioned.desired.agents[0]?.provision.hash, first.desired.agents[0]?.provision.hash);
  rmSync(join(folder, "b.yaml"));
  assert.deepEqual(namesOf(await reader.reread([join(folder, "b.yaml")])), ["a"]);
});

test("files may be split and named as one likes: the hash stays", async () => {
  const documents = [
    agent("a", "dependsOn: [b]\n"),
    agent("b", "profile: p\n"),
    "kind: Profile\nname: p\ncpu: 3\n",
    "kind: Snapshot\nname: s\nagent: a\n",
  ];
  const together = await loadFleet(folderWith({ "all.yaml": documents.join("---\n") }));
  assert.ok(together.ok);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("x.yaml", "y/a.yml", "b.yaml"), { minLength: 4, maxLength: 4 }),
      fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
      async (files, order) => {
        const contents: Record<string, string> = {};
        for (const index of order)
          contents[files[index] ?? ""] = `${contents[files[index] ?? ""] ?? ""}---\n${documents[index]}`;
        const read = await loadFleet(folderWith(contents));
        assert.ok(read.ok);
        assert.equal(read.desired.hash, together.desired.hash);
      },
    ),
    { numRuns: 40 },
  );
});

/** Loads a text or bytes as the only file and checks what must hold of every answer. */
async function survives(folder: string, content: string | Uint8Array): Promise<void> {
  writeFileSync(join(folder, "a.yaml"), content);
  const read = await loadFleet(folder, { userHome: "/home/me" });
  if (read.ok) return void JSON.stringify(read.desired);
  assert.ok(read.errors.length > 0);
  for (const error of read.errors) {
    const whole = error.line === 0 && error.column === 0;
    assert.ok(whole || (error.line >= 1 && error.column >= 1), JSON.stringify(error));
    if (error.excerpt !== null) assert.ok(error.excerpt.lines.length > 0);
  }
  assert.doesNotMatch(reportErrors(read.errors, { color: false, width: 60 }), /undefined|\[object/);
}

test("no bytes and no YAML crash the loader", async () => {
  const folder = folderWith({});
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), (bytes) => survives(folder, bytes)),
    { numRuns: 500 },
  );
  const pieces = fc.constantFrom(
    "kind: Agent\n",
    "kind: Snapshot\n",
    "name: a\n",
    "---\n",
    "...\n",
    "env:\n",
    "  A: &a b\n",
    "  B: *a\n",
    "\t",
    "  ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "|\n",
    ">-\n",
    "? ",
    ": ",
    "#",
    "!!binary x\n",
    "&x [*x]\n",
    "secrets: {K: v}\n",
    "dependsOn: [a]\n",
    "%YAML 1.1\n",
    "\r\n",
    "\ufeff",
    "0600",
    "~",
    "<<: *a\n",
    "__proto__: 1\n",
    "é漢😀",
    "provision: {cloudInit: ./a.yaml}\n",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { maxLength: 25 }), (parts) => survives(folder, parts.join(""))),
    { numRuns: 1500 },
  );
  for (const deep of [
    "[".repeat(20_000),
    "a: ".repeat(500),
    "- ".repeat(20_000),
    `${"{a: ".repeat(200)}1${"}".repeat(200)}`,
  ])
    await survives(folder, deep);
});

test("a value under secrets shows in no report, whatever is wrong around it", async () => {
  const folder = folderWith({});
  const secret = "hunter2XYZ";
  const layouts = [
    `secrets:\n  K: ${secret}\n`,
    `secrets: {K: ${secret}}\n`,
    `secrets:\n  K:\n    fromEnv: "${secret} "\n`,
    `secrets:\n  K: |\n    ${secret}\n    more\n`,
    `secrets: {\n  K: ${secret},\n  L: {fromEnv: ${secret}-}\n}\n`,
    `"secrets":\n    - ${secret}\n`,
    `secrets:\n  ? K\n  : ${secret}\n`,
    `secrets: # why\n\n  K: '${secret}\n`,
    `secrets:\n\tK: ${secret}\n`,
    `secrets: {K: ${secret}\n`,
    `secrets: ${secret}\n`,
  ];
  for (const layout of layouts) {
    for (const text of [
      `kind: Agent\nname: a_b\n${layout}cpus: 2\n`,
      `${layout}kind: Agent\nname: a_b\nmemory: [\n`,
      `kind: Agent\nname: a\n${layout}`,
    ]) {
      writeFileSync(join(folder, "a.yaml"), text);
      const read = await loadFleet(folder);
      assert.ok(!read.ok, text);
      const reported = reportErrors(read.errors, { color: false }) + JSON.stringify(read);
      assert.ok(!reported.includes(secret), `${text}\n${reported}`);
    }
  }
  assert.deepEqual(maskSecrets(["secrets:", "  A: x", "cpu: 2"]), ["secrets:", "  A: •••", "cpu: 2"]);
});

test("positions are those of the text", () => {
  const { documents, problems } = parseFleetText("\n# x\n---\n\n  kind: Agent\n  name: a\n---\nb: 1\nb: 2\n");
  assert.deepEqual(documents, [{ index: 0, value: { kind: "Agent", name: "a" }, line: 5, column: 3 }]);
  assert.deepEqual(problems, [
    {
      message: 'has "b" twice in one mapping',
      suggestion: "keep one of them",
      span: { line: 9, column: 1, length: 1 },
    },
  ]);
});
