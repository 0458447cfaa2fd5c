/** The mailbox against a hostile task user: the runtime runs as root, the test's processes as another user. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createLog } from "../host/log.ts";
import { SCANNED } from "./mail-files.ts";
import { createMailbox, type Outgoing } from "./mailbox.ts";
import { world } from "../testing/guest.ts";
import { until } from "../testing/until.ts";

const UNPRIVILEGED = { uid: 65534, gid: 65534 };
const root = { skip: process.getuid?.() !== 0 && "needs root, to become another user" };

function scene(t: TestContext, owner: typeof UNPRIVILEGED | null) {
  // Many small files: in memory where that is possible.
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "vm-agent-mail-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const dir = join(folder, "mail");
  const sent: Outgoing[] = [];
  const lines: string[] = [];
  const mailbox = createMailbox({
    dir,
    log: createLog((line) => void lines.push(line)),
    send: (message) => {
      sent.push(message);
      return true;
    },
  });
  mailbox.prepare(owner);
  const path = (...parts: readonly string[]) => join(dir, ...parts);
  const listed = (box: string) => readdirSync(path(box)).filter((name) => !name.startsWith("."));
  return { folder, mailbox, path, sent, lines, listed };
}

const letter = (type: string) => JSON.stringify({ to: "b", type, payload: {} });
const asUnprivileged = (script: string, ...args: readonly string[]) =>
  spawnSync("/bin/sh", ["-c", script, "sh", ...args], { ...UNPRIVILEGED, encoding: "utf8" });

test(
  "root's mailbox: the task user's own files are sent, and nothing that it links, moves or builds there",
  root,
  (t) => {
    const { folder, mailbox, path, sent, listed } = scene(t, UNPRIVILEGED);
    const secret = join(folder, "secret.json");
    writeFileSync(secret, letter("stolen"), { mode: 0o600 });
    mkdirSync(join(folder, "precious"));
    writeFileSync(join(folder, "precious/file"), "kept");
    const made = asUnprivileged(
      `cd "$1" && printf '%s' "$2" > honest.json && ln -s "$3/secret.json" symbolic.json &&
     mkfifo pipe.json && mkdir -p tree.json/deep && ln -s "$3/precious" tree.json/deep/link && ln -s "$3/precious" precious.json`,
      path("outbox"),
      letter("honest"),
      folder,
    );
    assert.equal(made.status, 0, made.stderr);
    // What the kernel would forbid it to link, and what root leaves lying there.
    linkSync(secret, path("outbox/hard.json"));
    writeFileSync(path("outbox/roots.json"), letter("stolen"));
    mailbox.opened();
    assert.deepEqual(
      sent.map(({ type }) => type),
      ["honest"],
    );
    mailbox.answered(sent[0]!.id, ["b"], []);
    assert.deepEqual(
      listed("outbox").sort(),
      ["hard", "pipe", "precious", "roots", "symbolic", "tree"].map((name) => `${name}.refused`),
    );
    assert.equal(readFileSync(join(folder, "precious/file"), "utf8"), "kept");
    assert.equal(readFileSync(secret, "utf8"), letter("stolen"));
    for (const name of listed("outbox")) assert.equal(statSync(path("outbox", name)).uid, UNPRIVILEGED.uid);

    assert.equal(mailbox.receive("d1", { type: "note" }), true);
    const read = asUnprivileged('cat "$1"/*.json && rm "$1"/*.json', path("inbox"));
    assert.deepEqual([read.status, JSON.parse(read.stdout)], [0, { type: "note" }]);
    // The folders themselves cannot be replaced.
    assert.notEqual(asUnprivileged('mv "$1/inbox" "$1/x"', path()).status, 0);
    assert.notEqual(asUnprivileged('rmdir "$1/outbox" && ln -s / "$1/outbox"', path()).status, 0);
  },
);

test(
  "a name that changes its meaning all the time gives away nothing and destroys nothing",
  root,
  async (t) => {
    const { folder, mailbox, path, sent } = scene(t, UNPRIVILEGED);
    const precious = join(folder, "precious");
    mkdirSync(precious);
    writeFileSync(join(precious, "file"), letter("stolen"), { mode: 0o600 });
    const swapping: ChildProcess = spawn(
      "/bin/sh",
      [
        "-c",
        `cd "$1"; echo begun; while :; do
         printf '%s' "$2" > a.json; rm -f a.json; ln -s "$3/file" a.json; rm -f a.json
         mkdir -p a.json/sub; rmdir a.json/sub; ln -s "$3" a.json/sub; rm -rf a.json .folder-*
       done 2>/dev/null`,
        "sh",
        path("outbox"),
        letter("honest"),
        precious,
      ],
      { ...UNPRIVILEGED, stdio: ["ignore", "pipe", "ignore"] },
    );
    t.after(() => swapping.kill("SIGKILL"));
    await new Promise((resolve) => swapping.stdout?.once("data", resolve));
    mailbox.opened();
    let looks = 0;
    await until(() => {
      for (let n = 0; n < 50; n += 1) {
        looks += 1;
        for (const { id } of sent.slice(-1)) mailbox.answered(id, ["b"], []);
        mailbox.opened();
      }
      return looks >= 1000 && sent.length >= 3;
    }, "messages among the changes");
    assert.ok(sent.every(({ type }) => type === "honest"));
    assert.equal(readFileSync(join(precious, "file"), "utf8"), letter("stolen"));
  },
);

test("the task user cannot read what the runtime keeps for itself", root, async (t) => {
  const { hub, guest } = await world(t, { credential: "the-credential" });
  hub.task("t1", { command: "echo 1" });
  await hub.response("t1");
  chmodSync(guest.root, 0o755);
  for (const file of ["/var/lib/vm-agent/credential", "/etc/vm-agent/runtime.json"]) {
    assert.ok(existsSync(guest.path(file)));
    const read = asUnprivileged('cat "$1"', guest.path(file));
    assert.deepEqual([read.status === 0, read.stdout], [false, ""], file);
  }
  for (const folder of ["/var/lib/vm-agent", "/var/lib/vm-agent/journal", "/var/lib/vm-agent/spool"]) {
    assert.notEqual(asUnprivileged('ls "$1"', guest.path(folder)).status, 0, folder);
    assert.notEqual(asUnprivileged(': > "$1/x"', guest.path(folder)).status, 0, folder);
  }
  const { pid } = guest.child!;
  for (const file of ["environ", "mem", "fd"])
    assert.notEqual(asUnprivileged('ls "$1/" || head -c 1 "$1"', `/proc/${pid}/${file}`).status, 0, file);
  assert.notEqual(asUnprivileged(`kill -0 ${pid}`).status, 0);
});

test("an outbox that changes while an answer is on its way: nothing unsent is lost, and nothing ends the runtime", (t) => {
  const { mailbox, path, sent, listed } = scene(t, null);
  writeFileSync(path("outbox/a.json"), letter("first"));
  mailbox.opened();
  writeFileSync(path("outbox/new"), letter("second"));
  renameSync(path("outbox/new"), path("outbox/a.json"));
  mailbox.answered(sent[0]!.id, ["b"], []);
  assert.deepEqual(
    sent.map(({ type }) => type),
    ["first", "second"],
  );
  rmSync(path("outbox/a.json"));
  mkdirSync(path("outbox/a.json/full"), { recursive: true });
  mailbox.answered(sent[1]!.id, ["b"], []);
  assert.deepEqual(listed("outbox"), ["a.refused"]);
});

test("decoys do not make room, a clock that goes back does not turn the order, a file from the future is judged", (t) => {
  const { mailbox, path, listed, lines } = scene(t, null);
  assert.equal(mailbox.receive("d1", { n: 1 }), true);
  const [first] = listed("inbox");
  // As if it had been written before the clock was set back by a day.
  const ahead = String(Date.now() + 86_400_000).padStart(14, "0") + first!.slice(14);
  renameSync(path("inbox", first!), path("inbox", ahead));
  assert.equal(mailbox.receive("d2", { n: 2 }), true);
  assert.deepEqual(
    listed("inbox")
      .sort()
      .map((name) => JSON.parse(readFileSync(path("inbox", name), "utf8"))),
    [{ n: 1 }, { n: 2 }],
  );
  for (let n = 0; n < SCANNED; n += 1) writeFileSync(path(`inbox/decoy-${n}`), "");
  assert.deepEqual([mailbox.receive("d3", {}), mailbox.full], [false, true]);

  for (let n = 0; n < 15; n += 1) {
    writeFileSync(path(`outbox/${n}.json`), "{");
    utimesSync(path(`outbox/${n}.json`), 4_000_000_000, 4_000_000_000);
  }
  mailbox.opened();
  assert.equal(listed("outbox").filter((name) => name.endsWith(".refused")).length, 15);
  assert.equal(lines.filter((line) => line.includes("was refused")).length, 10);
  mailbox.heartbeat();
  assert.ok(lines.some((line) => line.includes("5 more messages were refused")));
  assert.ok(lstatSync(path("outbox")).isDirectory());
});
