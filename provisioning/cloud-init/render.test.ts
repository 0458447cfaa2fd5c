/** User-data against golden files, and what Multipass's rewriting of YAML must not change. Update: `UPDATE_GOLDEN=1`. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse, parseDocument, Scalar, stringify, visit } from "yaml";
import type { Provision } from "../../controller/core/types.ts";
import { renderUserData, type UserDataInput, userDataProblems } from "./render.ts";
import { authorProblems, authorScript, octal, plainAuthorConfig } from "./author.ts";
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
  retyped: input({
    packages: ["git"],
    files: [
      { path: "/opt/date", content: "2026-01-01 10:00:00 Z", mode: "1777" },
      { path: "/opt/null", content: "null" },
    ],
    cloudInit: {
      write_files: [
        { path: "/opt/true", content: "true", permissions: "644" },
        { path: "/opt/float", content: "1e3", permissions: 0o755 },
        { path: "/opt/octal", content: "0755", append: true },
        { path: "/opt/empty", content: "" },
        { path: "/opt/coded", content: "MTIz", encoding: "base64" },
        { path: "/opt/digits", content: "1234", encoding: "b64", owner: "root:root" },
      ],
      runcmd: ["true", ["chmod", "0755", "/opt/true"], ["echo", 12, "it's", "yes"], "1e3 || true", null],
      bootcmd: ["yes", ["true"], ["touch", "2026-01-01"]],
      users: [{ name: "123", uid: 1001, gecos: "null", sudo: false, expiredate: "2032-09-01" }],
      chpasswd: { users: [{ name: "y", password: "0x10", type: "text" }] },
      ntp: { servers: ["1:30", "=", "<<", ".inf", "-1_000", "a: b"] },
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

/** What Multipass's writer makes of it at worst: no scalar keeps quotes that it can do without, whatever it then means. */
function withoutQuotes(text: string, tags: "tags kept" | "tags lost" = "tags kept"): string {
  const document = parseDocument(text, { schema: "failsafe" });
  visit(document, {
    Scalar(_key, node) {
      if (tags === "tags lost") delete node.tag;
      if (!String(node.value).includes("\n")) node.type = Scalar.PLAIN;
    },
  });
  return document.toString({ lineWidth: 0 });
}

interface WithFiles {
  readonly write_files: readonly { readonly permissions?: unknown }[];
}

/** As cloud-init's decode_perms: a number is the mode itself, text is octal. */
const withOctal = <T extends WithFiles>(config: T): T => ({
  ...config,
  write_files: config.write_files.map(({ permissions, ...file }) => ({
    ...file,
    ...(permissions !== undefined && { permissions: octal(permissions) }),
  })),
});

for (const [name, value] of Object.entries(ALL)) {
  test(`a YAML 1.1 reader reads ${name} the same with and without quotes`, () => {
    const text = renderUserData(value);
    const expected = parse(text, { version: "1.1" });
    assert.deepEqual(withOctal(parse(withoutQuotes(text), { version: "1.1" })), withOctal(expected));
  });
}

test("the re-dump without quotes changes a document that is not protected", () => {
  const before = { content: "true", mode: "0755", at: "2026-01-01", text: "a: b" };
  const text = withoutQuotes(stringify(before, { version: "1.1" }));
  const after = parse(text, { version: "1.1" });
  assert.deepEqual(after, { content: true, mode: 0o755, at: new Date("2026-01-01"), text: "a: b" });
});

const reread = (value: UserDataInput) => parse(withoutQuotes(renderUserData(value)), { version: "1.1" });
const decoded = ({ content, encoding }: Written): string =>
  encoding === "b64" ? Buffer.from(content, "base64").toString("utf8") : content;

test("every file's content comes back as it was, even if all quotes are lost", () => {
  for (const name of ["files", "retyped"] as const) {
    const { provision } = ALL[name]!.agent;
    const written = reread(ALL[name]!).write_files as readonly Written[];
    const authored = (provision.cloudInit?.write_files ?? []) as readonly Written[];
    for (const file of [...provision.files, ...authored]) {
      const found = written.find((candidate) => candidate.path === file.path)!;
      const packed = "encoding" in file ? Buffer.from(file.content, "base64").toString("utf8") : file.content;
      assert.equal(decoded(found), packed, file.path);
    }
  }
});

test("files, modes and commands do not depend on tags either", () => {
  for (const value of Object.values(ALL)) {
    const text = renderUserData(value);
    const parts = ({ write_files, runcmd, bootcmd }: Parts) => ({ write_files, runcmd, bootcmd });
    const read = (document: string) => parts(withOctal(parse(document, { version: "1.1" }) as Parts));
    assert.deepEqual(read(withoutQuotes(text, "tags lost")), read(text));
  }
});
interface Parts extends WithFiles {
  readonly runcmd: unknown;
  readonly bootcmd?: unknown;
}

test("types of other fields stay what they were, even if all quotes are lost", () => {
  const { users, chpasswd, ntp, bootcmd } = reread(ALL.retyped!);
  const { cloudInit = {} } = ALL.retyped!.agent.provision;
  assert.deepEqual(
    { users, chpasswd, ntp },
    { users: cloudInit.users, chpasswd: cloudInit.chpasswd, ntp: cloudInit.ntp },
  );
  assert.deepEqual(bootcmd, ["yes;", "true;", "touch 2026-01-01"]);
});

test("the author's commands become the script that cloud-init would make of them", () => {
  const commands = [
    "true",
    ["printf", "%s-", "0755", 12, "it's", "a b", "$x", ""],
    null,
    "x=1; printf %s $x",
  ];
  const script = authorScript(commands)!;
  assert.equal(String(execFileSync("sh", ["-c", script])), "0755-12-it's-a b-$x--1");
  assert.equal(authorScript([]), null);
});

test("our files come first, the author's next, the runtime starts last", () => {
  const config = reread(ALL.merged!);
  assert.deepEqual(config.packages, ["jq", "git"]);
  const paths = (config.write_files as readonly Written[]).map(({ path }) => path);
  assert.deepEqual(paths.slice(0, 6), [
    "/usr/local/lib/vm-agent/runtime.mjs",
    "/usr/local/lib/vm-agent/start",
    "/etc/vm-agent/runtime.json",
    "/etc/systemd/system/vm-agent.service",
    "/usr/local/lib/vm-agent/cloud-init-runcmd",
    "/etc/motd",
  ]);
  const script = (config.write_files as readonly Written[]).find(({ path }) => path.endsWith("-runcmd"))!;
  assert.equal(decoded(script), "#!/bin/sh\necho 'author first'\n");
  assert.deepEqual(config.runcmd.slice(-2), ["systemctl enable --now vm-agent.service", "exit $author"]);
  assert.deepEqual(config.users, ["default", { name: "worker", shell: "/bin/bash" }]);
});

test("folders that are made for files below the task user's home become that user's, and no others", () => {
  const files = [
    "/home/ubuntu/.a/b/c",
    "/home/ubuntu/.a/it's/d",
    "/home/ubuntu/e",
    "/home/other/f/g",
    "/opt/h/i",
  ];
  const { runcmd } = parse(
    renderUserData(input({ files: files.map((path) => ({ path, content: "x" })), run: ["true"] })),
  );
  assert.equal(
    runcmd[1],
    "chown -h --from=0:0 ubuntu:ubuntu '/home/ubuntu/.a' '/home/ubuntu/.a/b' '/home/ubuntu/.a/it'\\''s'",
  );
  assert.ok(!parse(renderUserData(ALL.packages!)).runcmd.join().includes("chown"));
});

test("what of the author's part cannot be carried is refused with its place", () => {
  const places = (config: Readonly<Record<string, unknown>>) =>
    authorProblems(config).map(({ pointer, message }) => `${pointer} ${message}`);
  assert.deepEqual(places({ users: [{ name: "x", expiredate: new Date(0) }] }), [
    "/users/0/expiredate is a date",
  ]);
  assert.deepEqual(
    places({ write_files: ["x", { content: "y" }, { path: "/x", content: 12, permissions: "u+x" }] }),
    [
      "/write_files/0 is not a file",
      "/write_files/1/path is not an absolute path",
      "/write_files/2/content is not text",
      "/write_files/2/permissions is not octal",
    ],
  );
  assert.deepEqual(places({ runcmd: [true, ["echo", true, 1.5]], bootcmd: [12] }), [
    "/runcmd/0 is neither text nor a list of words",
    "/runcmd/1/1 is not text",
    "/runcmd/1/2 is not text",
    "/bootcmd/0 is neither text nor a list of words",
  ]);
  assert.deepEqual(places({ apt: { yes: 1 } }), ["/apt/yes is a name that YAML reads as no text"]);
  assert.deepEqual(places({ ntp: { a: Number.NaN, b: 2 ** 60, c: 1.5 } }), [
    "/ntp/a is a number that cannot be kept exactly",
    "/ntp/b is a number that cannot be kept exactly",
  ]);
  const binary = { path: "/x", content: Buffer.from([0, 255]) };
  assert.deepEqual(places({ write_files: [binary], bin: Buffer.from("x") }), [
    "/bin is binary, which only the content of write_files may be",
  ]);
  assert.deepEqual(plainAuthorConfig({ write_files: [binary] }), {
    write_files: [{ path: "/x", content: "AP8=", encoding: "b64" }],
  });
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
function runAll(value: UserDataInput) {
  const { runcmd, write_files } = parse(renderUserData(value)) as {
    readonly runcmd: readonly string[];
    readonly write_files: readonly Written[];
  };
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-runcmd-"));
  for (const name of ["systemctl", "apt-get"])
    writeFileSync(join(folder, name), `#!/bin/sh\necho ${name} "$@"\n`, { mode: 0o755 });
  for (const file of write_files)
    if (file.path.startsWith("/usr/local/lib/vm-agent/c"))
      writeFileSync(join(folder, basename(file.path)), decoded(file));
  const script = runcmd
    .join("\n")
    .replaceAll("/var/lib/vm-agent", folder)
    .replaceAll("/usr/local/lib/vm-agent", folder);
  const run = spawnSync("sh", ["-c", script], {
    encoding: "utf8",
    env: { PATH: `${folder}:${process.env.PATH}` },
  });
  const errors = join(folder, "provision-errors");
  const failed = existsSync(errors) ? readFileSync(errors, "utf8").trimEnd().split("\n") : [];
  rmSync(folder, { recursive: true });
  const lines = run.stdout.split("\n");
  return {
    status: run.status,
    asked: lines.filter((line) => line.startsWith("systemctl")),
    ran: lines.filter((line) => line.startsWith("ran")),
    failed,
  };
}

test("the runtime and the document's run lines start whatever the author's runcmd does, and its exit code stays", () => {
  const asked = ["systemctl daemon-reload", "systemctl enable --now vm-agent.service"];
  const run = ["echo ran 0", "exit 7", "echo ran 2"];
  const failed = (code: number) => [
    `runcmd of provision.cloudInit exited with ${code}`,
    "provision.run[1] exited with 7",
  ];
  const ran = ["ran 0", "ran 2"];
  const after = (runcmd: readonly unknown[]) => runAll(input({ run, cloudInit: { runcmd } }));
  assert.deepEqual(after(["set -e", "false", "exit 4"]), { status: 1, asked, ran, failed: failed(1) });
  assert.deepEqual(after(["exit 3"]), { status: 3, asked, ran, failed: failed(3) });
  assert.deepEqual(after(["exec false"]), { status: 1, asked, ran, failed: failed(1) });
  assert.deepEqual(after(["if then ("]), { status: 2, asked, ran, failed: failed(2) });
  assert.deepEqual(after(["true"]), { status: 0, asked, ran, failed: failed(0).slice(1) });
  assert.deepEqual(runAll(input({ run: ["exit 9"] })), {
    status: 0,
    asked,
    ran: [],
    failed: ["provision.run[0] exited with 9"],
  });
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

test("cloud-init's own reader reads the same without quotes", {
  skip: hasCloudInit ? false : "cloud-init is not installed",
}, () => {
  const program =
    "import sys, json; from cloudinit import safeyaml; json.dump([safeyaml.load(t) for t in json.load(sys.stdin)], sys.stdout)";
  const read = (texts: readonly string[]) => {
    const run = spawnSync("/usr/bin/python3", ["-c", program], {
      input: JSON.stringify(texts),
      encoding: "utf8",
    });
    assert.equal(run.status, 0, run.stderr);
    return JSON.parse(run.stdout) as readonly WithFiles[];
  };
  const texts = Object.values(ALL).map(renderUserData);
  const plain = read(texts.map((text) => withoutQuotes(text)));
  assert.deepEqual(plain.map(withOctal), read(texts).map(withOctal));
});

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
