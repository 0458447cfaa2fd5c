/** User-data against golden files, and what Multipass's rewriting of YAML must not change. Update: `UPDATE_GOLDEN=1`. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import type { Provision } from "../../controller/core/types.ts";
import { renderUserData, type UserDataInput, userDataProblems } from "./render.ts";
import { quote } from "./shell.ts";

const ROOT = fileURLToPath(import.meta.url).split(/\/(?:dist\/)?provisioning\//)[0]!;
const TESTDATA = join(ROOT, "provisioning/cloud-init/testdata");

const provision = (fields: Partial<Provision> = {}): Provision => ({
  packages: [],
  files: [],
  run: [],
  onChange: "hold",
  hash: "",
  ...fields,
});

const input = (fields: Partial<Provision> = {}, more: Partial<UserDataInput> = {}): UserDataInput => ({
  agent: {
    name: "agent-builder",
    provision: provision(fields),
    tasks: { concurrency: 1, sudo: false, user: "ubuntu" },
  },
  nonce: "nonce-1",
  joinToken: "join-1",
  hubAddresses: [],
  hubPort: 9090,
  runtime: { gzipBase64: "H4sIAAAAAAAAAwMAAAAAAAAAAAA=", version: "0.1.0", hash: "e3b0" },
  ...more,
});

const GOLDEN: Readonly<Record<string, UserDataInput>> = {
  bare: input(),
  addresses: input(
    {},
    { hubAddresses: ["10.0.0.1:9090", "wss://hub.example:443"], ca: "-----BEGIN CERTIFICATE-----\nx\n" },
  ),
  packages: input({ packages: ["git", "docker.io"], run: ["npm i -g pnpm", "echo it's done"] }),
  files: input({
    files: [
      { path: "/home/ubuntu/.npmrc", content: "registry = https://example.test\n", mode: "600" },
      { path: "/etc/number", content: "123" },
      { path: "/etc/truth", content: "true\n", mode: "0644" },
      { path: "/opt/umlaut", content: "Grüße an alle\n" },
      { path: "/opt/tabs", content: "a\tb c\n\n  indented\n" },
      { path: "/opt/control", content: "bell \u0007 inside\n" },
    ],
  }),
  merged: input({
    packages: ["git"],
    run: ["make setup"],
    cloudInit: {
      timezone: "Europe/Berlin",
      package_update: true,
      users: ["default", { name: "worker", shell: "/bin/bash" }],
      packages: ["jq"],
      write_files: [{ path: "/etc/motd", content: "hello\n" }],
      runcmd: [["echo", "author first"]],
    },
  }),
  awkward: input({
    run: [
      "true",
      "exit 7",
      'cd /tmp\nfor i in 1 2; do echo "$i: $HOME"; done',
      "printf '%s\\n' 'a b' # comment",
    ],
  }),
};

const GOLDEN_OF_COMMANDS: Readonly<Record<string, UserDataInput>> = {
  exits: input({ run: ["make setup"], cloudInit: { runcmd: ["set -e", "false", "exit 3"] } }),
  user: {
    ...input(),
    agent: {
      name: "agent-tester",
      provision: provision({
        files: [{ path: "/home/tester/.gitconfig", content: "[user]\n  name = tester\n" }],
        cloudInit: { users: ["default", { name: "tester", groups: ["docker"] }] },
      }),
      tasks: { concurrency: 4, sudo: true, user: "tester" },
    },
  },
  early: input({ cloudInit: { bootcmd: ["echo early"], packages: ["nodejs"], ntp: { enabled: true } } }),
  pinned: input({ packages: ["nodejs"] }, { hubAddresses: ["wss://10.0.0.1:9090/agent#sha256:ab12"] }),
};
const ALL = { ...GOLDEN, ...GOLDEN_OF_COMMANDS };

for (const [name, value] of Object.entries(ALL)) {
  test(`golden: ${name}`, () => {
    const file = join(TESTDATA, `${name}.golden.yaml`);
    const text = renderUserData(value);
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(file, text);
    assert.equal(text, readFileSync(file, "utf8"));
  });
}

interface Written {
  readonly path: string;
  readonly content: string;
  readonly encoding?: string;
}

test("every file's content comes back as it was written, even if all quotes are lost", () => {
  const files = GOLDEN.files!.agent.provision.files;
  const written = parse(renderUserData(GOLDEN.files!)).write_files as readonly Written[];
  for (const file of files) {
    const found = written.find((candidate) => candidate.path === file.path)!;
    const content =
      found.encoding === "b64" ? Buffer.from(found.content, "base64").toString("utf8") : found.content;
    assert.equal(content, file.content);
    // As cloud-init would read the scalar without its quotes: it must still be text.
    if (!found.content.includes("\n"))
      assert.equal(typeof parse(found.content, { version: "1.1" }), "string");
  }
});

test("the author's lists come first and ours last, so that the runtime starts when all is done", () => {
  const config = parse(renderUserData(GOLDEN.merged!));
  assert.deepEqual(config.packages, ["jq", "git"]);
  assert.deepEqual(config.runcmd[1], ["echo", "author first"]);
  assert.deepEqual(config.runcmd.slice(-2), ["systemctl enable --now vm-agent.service", "trap - EXIT"]);
  assert.equal(config.write_files[0].path, "/etc/motd");
  assert.deepEqual(config.users, ["default", { name: "worker", shell: "/bin/bash" }]);
});

test("conflicts are named, all of them", () => {
  const { agent } = input({
    packages: ["git"],
    cloudInit: {
      package_update: false,
      runcmd: "echo x",
      write_files: [{ path: "/etc/vm-agent/runtime.json", content: "{}" }],
    },
  });
  const problems = userDataProblems(agent);
  assert.deepEqual(
    problems.map(({ field }) => field),
    ["/cloudInit", "/cloudInit", "/cloudInit"],
  );
  for (const key of ["package_update", "runcmd", "/etc/vm-agent/runtime.json"]) {
    assert.ok(
      problems.some(({ message }) => message.includes(`${key}: `)),
      key,
    );
  }
  assert.throws(() => renderUserData(input(agent.provision)), /package_update.*runcmd.*runtime\.json/s);
});

test("a line of run that exits, changes folder or fails does not keep the rest from running", () => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-run-"));
  const { runcmd } = parse(renderUserData(GOLDEN.awkward!)) as { readonly runcmd: readonly string[] };
  const lines = runcmd.slice(2, -2).map((line) => line.replaceAll("/var/lib/vm-agent", folder));
  const script = [...lines, "pwd"].join("\n");
  const output = execFileSync("sh", ["-c", script], {
    cwd: folder,
    env: { HOME: "/h", PATH: process.env.PATH },
  });
  assert.equal(String(output), `1: /h\n2: /h\na b\n${folder}\n`);
  assert.equal(readFileSync(join(folder, "provision-errors"), "utf8"), "provision.run[1] exited with 7\n");
  rmSync(folder, { recursive: true });
});

/** All of runcmd as cloud-init joins it to one script, with a `systemctl` that only says what it was asked. */
function runAll({ runcmd }: { readonly runcmd: readonly (string | readonly string[])[] }) {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-runcmd-"));
  for (const name of ["systemctl", "apt-get"])
    writeFileSync(join(folder, name), `#!/bin/sh\necho ${name} "$@"\n`, { mode: 0o755 });
  const lines = runcmd.map((line) => (typeof line === "string" ? line : line.map(quote).join(" ")));
  const script = lines.join("\n").replaceAll("/var/lib/vm-agent", folder);
  const run = spawnSync("sh", ["-c", script], {
    encoding: "utf8",
    env: { PATH: `${folder}:${process.env.PATH}` },
  });
  rmSync(folder, { recursive: true });
  return { status: run.status, asked: run.stdout.split("\n").filter((line) => line.startsWith("systemctl")) };
}

test("the runtime is started once, also where the author's runcmd ends the script, whose exit code stays", () => {
  const started = ["systemctl daemon-reload", "systemctl enable --now vm-agent.service"];
  assert.deepEqual(runAll(parse(renderUserData(ALL.exits!))), { status: 1, asked: started });
  const exits = input({ cloudInit: { runcmd: ["exit 3"] } });
  assert.deepEqual(runAll(parse(renderUserData(exits))), { status: 3, asked: started });
  assert.deepEqual(runAll(parse(renderUserData(input({ cloudInit: { runcmd: ["true"] } })))), {
    status: 0,
    asked: started,
  });
  assert.deepEqual(runAll(parse(renderUserData(input({ run: ["exit 9"] })))), { status: 0, asked: started });
});

test("the document's own secrets are its author's matter; of ours nothing but the join token and the nonce is in it", () => {
  const written = parse(renderUserData(input())).write_files as readonly (Written & {
    readonly permissions: string;
  })[];
  const settings = written.find((file) => file.path === "/etc/vm-agent/runtime.json")!;
  assert.deepEqual(Object.keys(JSON.parse(settings.content)), ["agent", "nonce", "joinToken", "hub", "port"]);
  assert.equal(settings.permissions, "0600");
});

test("what is too large for one message to Multipass is refused with its size", () => {
  const { agent } = input({ files: [{ path: "/opt/large", content: "a b\n".repeat(600_000) }] });
  assert.match(
    userDataProblems(agent)[0]?.message ?? "",
    /makes \d+ KiB of cloud-init, and 2048 KiB are the most/,
  );
});

test("quoting survives a real shell", () => {
  for (const text of ["it's", '$HOME `id` \\ "x"', "", "a\nb", "''"]) {
    assert.equal(String(execFileSync("sh", ["-c", `printf %s ${quote(text)}`])), text);
  }
});

const hasCloudInit = existsSync("/usr/bin/cloud-init");
test("cloud-init's own schema accepts it", {
  skip: hasCloudInit ? false : "cloud-init is not installed",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-schema-"));
  const check = (config: Readonly<Record<string, unknown>>) => {
    const file = join(folder, "all.yaml");
    writeFileSync(file, `#cloud-config\n${stringify(config, { version: "1.1" })}`);
    const run = spawnSync("cloud-init", ["schema", "--config-file", file], { encoding: "utf8" });
    return { status: run.status, said: `${run.stdout}${run.stderr}` };
  };
  // It takes seconds to start, and judges each entry of a list alone: so all of them are one document.
  const all: Record<string, unknown> = {};
  for (const value of Object.values(ALL)) {
    for (const [key, found] of Object.entries(parse(renderUserData(value)))) {
      const before = all[key];
      all[key] = Array.isArray(before) && Array.isArray(found) ? [...new Set([...before, ...found])] : found;
    }
  }
  const { status, said } = check(all);
  assert.equal(status, 0, said);
  // It would say so.
  assert.notEqual(check({ ...all, runcmd: "not a list" }).status, 0);
  rmSync(folder, { recursive: true });
});
