/** Edits of a fleet folder: what is asked for changes, every other byte, mode and link stays, and a broken fleet is never written. */
import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { readSettings } from "../../base/env.ts";
import { createFleetEdits, type FleetEdits } from "./fleet-edits.ts";

let fleet = "";
let edits: FleetEdits;
beforeEach(() => {
  fleet = mkdtempSync(join(tmpdir(), "vm-agent-edits-"));
  const settings = readSettings({ fleet, home: join(fleet, "..", "no-home") }, {}, fleet);
  edits = createFleetEdits(settings, { color: false, width: 100 });
});
afterEach(() => rmSync(fleet, { recursive: true }));

const write = (files: Readonly<Record<string, string>>): void => {
  for (const [file, text] of Object.entries(files)) writeFileSync(join(fleet, file), text);
};
/** Every file of the folder with its text. */
const all = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(fleet)
      .sort()
      .map((file) => [file, readFileSync(join(fleet, file), "utf8")]),
  );

const A = "# ours\nkind: Agent\nname: a # the first\ncpu: 2   # two\n";
const B = "kind: Agent\nname: b\ndependsOn: [a]\n";

test("a state is written, and written again as another one", async () => {
  write({ "a.yaml": A, "b.yaml": B });
  const stopped = await edits.setState("a", "stopped");
  assert.deepEqual(all(), {
    "a.yaml": "# ours\nkind: Agent\nname: a # the first\nstate: stopped\ncpu: 2   # two\n",
    "b.yaml": B,
  });
  assert.deepEqual(
    { ...stopped, settings: null },
    {
      changed: true,
      document: join(fleet, "a.yaml"),
      files: [join(fleet, "a.yaml")],
      instances: ["a"],
      settings: null,
    },
  );
  await edits.setState("a", "running");
  assert.match(all()["a.yaml"] ?? "", /^state: running$/m);
});

test("what is written already is not written again", async () => {
  write({ "a.yaml": A });
  const { ino } = statSync(join(fleet, "a.yaml"));
  assert.equal((await edits.setState("a", "running")).changed, false);
  assert.equal((await edits.setPaused("a", false)).changed, false);
  assert.equal(statSync(join(fleet, "a.yaml")).ino, ino);
});

test("a pause that is taken back leaves the file as it was; one that a comment explains is turned off", async () => {
  write({ "a.yaml": A });
  await edits.setPaused("a", true);
  await edits.setPaused("a", false);
  assert.equal(all()["a.yaml"], A);
  write({ "a.yaml": `${A}paused: true # until Monday\n` });
  await edits.setPaused("a", false);
  assert.equal(all()["a.yaml"], `${A}paused: false # until Monday\n`);
});

test("a pause of the profile is overruled by the document", async () => {
  write({
    "p.yaml": "kind: Profile\nname: p\npaused: true\n",
    "a.yaml": "kind: Agent\nname: a\nprofile: p\npaused: true\n",
  });
  await edits.setPaused("a", false);
  assert.equal(all()["a.yaml"], "kind: Agent\nname: a\nprofile: p\npaused: false\n");
});

test("a snapshot is declared behind the document, once, with the file's own line ends", async () => {
  write({ "a.yaml": "kind: Agent\r\nname: a\r\n" });
  assert.equal((await edits.declareSnapshot("a", "before-it", "by hand: yes")).changed, true);
  const text =
    'kind: Agent\r\nname: a\r\n---\r\nkind: Snapshot\r\nname: before-it\r\nagent: a\r\ncomment: "by hand: yes"\r\n';
  assert.equal(all()["a.yaml"], text);
  assert.equal((await edits.declareSnapshot("a", "before-it")).changed, false);
  assert.equal(all()["a.yaml"], text);
});

test("a snapshot by a name that Multipass would not take breaks the fleet, so nothing is written", async () => {
  write({ "a.yaml": A });
  await assert.rejects(edits.declareSnapshot("a", "9 lives"), { code: "edit-refused" });
  assert.deepEqual(all(), { "a.yaml": A });
});

test("a restore is asked for with its own token", async () => {
  write({ "a.yaml": "kind: Agent\nname: a\n---\nkind: Snapshot\nname: clean\nagent: a\n" });
  await edits.askRestore("a", "clean", "t1");
  assert.match(all()["a.yaml"] ?? "", /^restore: \{snapshot: clean, token: t1\}$/m);
  await edits.askRestore("a", "clean", "t2");
  assert.match(all()["a.yaml"] ?? "", /^restore: \{snapshot: clean, token: t2\}$/m);
});

test("an agent goes with its own snapshots; those of others and those by a selector stay", async () => {
  const others =
    "kind: Snapshot\nname: clean\nagent: b\n---\nkind: Snapshot\nname: all\nselector: {type: x}\n";
  write({
    "a.yaml": "kind: Agent\nname: a\ntype: x\n",
    "b.yaml": "# b stays\nkind: Agent\nname: b\ntype: x\n",
    "s.yaml": `kind: Snapshot\nname: clean\nagent: a\n---\n${others}`,
  });
  const { instances, files } = await edits.removeAgent("a");
  assert.deepEqual(instances, ["a"]);
  assert.deepEqual(files.map((f) => f.slice(fleet.length + 1)).sort(), ["a.yaml", "s.yaml"]);
  assert.deepEqual(all(), {
    "b.yaml": "# b stays\nkind: Agent\nname: b\ntype: x\n",
    "s.yaml": `---\n${others}`,
  });
});

test("its document goes out of a file that holds others, byte for byte", async () => {
  write({ "all.yaml": `# head\nkind: Fleet\n---\n# about c\nkind: Agent\nname: c\n---\n${A}` });
  await edits.removeAgent("c");
  assert.equal(all()["all.yaml"], `# head\nkind: Fleet\n---\n${A}`);
});

test("replicas go together, by the name of their document", async () => {
  write({ "r.yaml": "kind: Agent\nname: r\nreplicas: 2\n", "a.yaml": A });
  await assert.rejects(edits.removeAgent("r-1"), { code: "is-replica" });
  assert.deepEqual((await edits.removeAgent("r")).instances, ["r-1", "r-2"]);
  assert.deepEqual(all(), { "a.yaml": A });
});

test("what others depend on stays, and so does what an error elsewhere makes uncertain", async () => {
  write({ "a.yaml": A, "b.yaml": B });
  await assert.rejects(edits.removeAgent("a"), { code: "is-needed", message: /is what b depends on/ });
  await assert.rejects(edits.setState("no-such", "stopped"), { code: "unknown-agent" });
  write({ "b.yaml": "kind: Agent\nname: b\ncpus: 2\n" });
  await assert.rejects(edits.setState("a", "stopped"), { code: "fleet-invalid" });
  assert.equal(all()["a.yaml"], A);
});

test("byte order mark, mode and symbolic link stay, and nothing lies beside the file", async () => {
  write({ "a.yaml": "\uFEFFkind: Agent\nname: a\n" });
  chmodSync(join(fleet, "a.yaml"), 0o640);
  await edits.setState("a", "stopped");
  assert.equal(all()["a.yaml"], "\uFEFFkind: Agent\nname: a\nstate: stopped\n");
  assert.equal(statSync(join(fleet, "a.yaml")).mode & 0o777, 0o640);
  const real = mkdtempSync(join(tmpdir(), "vm-agent-real-"));
  writeFileSync(join(real, "l.yaml"), "kind: Agent\nname: l\n");
  symlinkSync(join(real, "l.yaml"), join(fleet, "l.yaml"));
  await edits.setState("l", "stopped");
  assert.ok(lstatSync(join(fleet, "l.yaml")).isSymbolicLink());
  assert.match(readFileSync(join(real, "l.yaml"), "utf8"), /state: stopped/);
  assert.deepEqual(readdirSync(fleet).sort(), ["a.yaml", "l.yaml"]);
  rmSync(real, { recursive: true });
});

test("several agents are edited as one: all of them, or none", async () => {
  const both = "# both\r\nkind: Agent\r\nname: a # first\r\n---\r\n{kind: Agent, name: b, cpu: 2}\r\n";
  write({ "both.yaml": both, "c.yaml": "kind: Agent\nname: c\ncpu: &n 2\n" });
  const { files, instances } = await edits.setState(["a", "b", "c"], "stopped");
  assert.deepEqual(
    [files.map((f) => f.slice(fleet.length + 1)), instances],
    [
      ["both.yaml", "c.yaml"],
      ["a", "b", "c"],
    ],
  );
  assert.deepEqual(all(), {
    "both.yaml":
      "# both\r\nkind: Agent\r\nname: a # first\r\nstate: stopped\r\n---\r\n{kind: Agent, name: b, state: stopped, cpu: 2}\r\n",
    "c.yaml": "kind: Agent\nname: c\nstate: stopped\ncpu: &n 2\n",
  });
  const before = all();
  await assert.rejects(edits.setState(["a", "no-such"], "running"), { code: "unknown-agent" });
  assert.deepEqual(all(), before);
});

test("a state of the profile is overruled by the document", async () => {
  write({
    "p.yaml": "kind: Profile\nname: p\nstate: stopped\n",
    "a.yaml": "kind: Agent\nname: a\nprofile: p # theirs\n",
  });
  assert.equal((await edits.setState("a", "stopped")).changed, false);
  await edits.setState("a", "running");
  assert.equal(all()["a.yaml"], "kind: Agent\nname: a\nstate: running\nprofile: p # theirs\n");
});

test("agents that need each other go together, and a file that only they were in goes with them", async () => {
  write({ "a.yaml": `${A}---\n${B}`, "c.yaml": "kind: Agent\nname: c\n" });
  await assert.rejects(edits.removeAgent(["a", "c"]), { code: "is-needed" });
  assert.deepEqual((await edits.removeAgent(["a", "b"])).instances, ["a", "b"]);
  assert.deepEqual(all(), { "c.yaml": "kind: Agent\nname: c\n" });
});

test("a snapshot of replicas is one document, of each of them", async () => {
  write({ "r.yaml": "kind: Agent\nname: r\nreplicas: 2\n" });
  assert.deepEqual((await edits.declareSnapshot("r", "s")).instances, ["r-1", "r-2"]);
  assert.match(all()["r.yaml"] ?? "", /\n---\nkind: Snapshot\nname: s\nagent: r\n$/);
});

test("a new agent is checked with all that is there before its file is made", async () => {
  write({ "a.yaml": A });
  await assert.rejects(edits.addAgent("n", "agents/n.yaml", "kind: Agent\nname: n\nprofile: none\n"), {
    code: "edit-refused",
  });
  await assert.rejects(edits.addAgent("a", "agents/a.yaml", "kind: Agent\nname: a\n"), {
    code: "edit-refused",
  });
  assert.deepEqual(readdirSync(fleet), ["a.yaml"]);
  const { instances, document } = await edits.addAgent(
    "n",
    "agents/n.yaml",
    "kind: Agent\nname: n\nreplicas: 2\n",
  );
  assert.deepEqual([instances, document], [["n-1", "n-2"], join(fleet, "agents", "n.yaml")]);
  assert.equal(readFileSync(document, "utf8"), "kind: Agent\nname: n\nreplicas: 2\n");
});
