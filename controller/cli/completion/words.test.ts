/** What completes where: commands, options and their values, names, snapshots of the agent that is named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "../commands.ts";
import { type Kind, candidates } from "./words.ts";

const KNOWN: Readonly<Record<Kind, readonly string[]>> = {
  agents: ["agent-a", "agent-b", "builder"],
  "audit-kinds": ["step", "task", "task.submit"],
  capabilities: ["build", "docker"],
  foreign: ["theirs"],
  labels: ["team=web", "tier=two"],
  "open-tasks": ["0b6f1c1e", "7f3a"],
  pairs: ["type=builder", "team=web"],
  profiles: ["node-dev", "two words"],
  revisions: ["3f2c1ab"],
  snapshots: [],
  types: ["builder", "tester"],
};
const SNAPSHOTS: Readonly<Record<string, readonly string[]>> = { "agent-a": ["clean"], "agent-b": ["other"] };

const offer = (line: string) =>
  candidates(COMMANDS, line.split(" "), async (kind, values) =>
    (kind === "snapshots" ? (SNAPSHOTS[values[0] ?? ""] ?? []) : KNOWN[kind]).map((word) => ({
      word,
      about: kind,
    })),
  );
const words = async (line: string) => (await offer(line)).words.map((c) => c.word);

for (const [line, expected] of [
  ["sta", ["start", "status"]],
  ["--fleet x desc", []],
  ["--driver ", ["auto", "multipass", "sandbox"]],
  ["--driver=m", ["--driver=multipass"]],
  ["stop agent-", ["agent-a", "agent-b"]],
  ["stop agent-a agent-", ["agent-b"]],
  ["--fleet f status b", ["builder"]],
  ["--fleet=f status b", ["builder"]],
  ["status builder ", []],
  ["restore agent-a ", ["clean"]],
  ["snapshot agent-a ", []],
  ["plan --target ag", ["agent-a", "agent-b"]],
  ["plan --target agent-a --targ", ["--target"]],
  ["plan --det", ["--detailed-exitcode"]],
  ["plan --detailed-exitcode --det", []],
  ["plan -o ", []],
  ["list --status o", ["online", "offline"]],
  ["list --status=of", ["--status=offline"]],
  ["list --type t", ["tester"]],
  ["list --label ", ["team=web", "tier=two"]],
  ["create ", []],
  ["create x --profile ", ["node-dev"]],
  ["create x --capabilities build,", ["build,docker"]],
  ["import ", ["theirs"]],
  ["completion ", ["bash", "zsh", "fish"]],
  ["task ", ["agent-a", "agent-b", "builder"]],
  ["task agent-a ", []],
  ["task --all ", []],
  ["task --capability d", ["docker"]],
  ["task --agents agent-a,", ["agent-a,agent-b", "agent-a,builder"]],
  ["task --agents=agent-a,b", ["--agents=agent-a,builder"]],
  ["task --selector type=builder,", ["type=builder,team=web"]],
  ["tasks --agent bu", ["builder"]],
  ["cancel ", ["0b6f1c1e", "7f3a"]],
  ["rollback ", ["3f2c1ab"]],
  ["audit ", ["verify", "acknowledge"]],
  ["audit --kind task", ["task", "task.submit"]],
  ["token ", ["show", "rotate", "join"]],
  ["token join ", ["agent-a", "agent-b", "builder"]],
  ["token rotate ", []],
  ["exec ag", ["agent-a", "agent-b"]],
  ["exec --su", ["--sudo"]],
  ["exec agent-a --", []],
  ["exec agent-a -- --", []],
  ["help pl", ["plan"]],
  ["multipass li", ["list"]],
  ["multipass info --x agent-", ["agent-a", "agent-b"]],
  ["nonsense ", []],
] as const)
  test(`vm-agent ${line}|`, async () => assert.deepEqual(await words(line), expected));

test("files and folders are offered where one is wanted, and nowhere else", async () => {
  const elsewhere = async (line: string) => (await offer(line)).elsewhere;
  for (const line of ["apply ", "plan -o ", "plan --out=", "backup ", "up --tls-cert ", "exec a -- ls "])
    assert.equal(await elsewhere(line), "files", line);
  for (const line of ["--fleet ", "--home="]) assert.equal(await elsewhere(line), "folders", line);
  for (const line of ["", "stop ", "create ", "list --status ", "task agent-a ", "nonsense "])
    assert.equal(await elsewhere(line), "nothing", line);
});

test("every option that takes a value offers what is known, or is a person's own word", async () => {
  const own = new Set([
    ...["--anchor", "--comment", "--cpu", "--disk", "--idempotency-key", "--image"],
    ...["--limit", "--lines", "--memory", "--timeout"],
  ]);
  for (const { usage, options = [] } of COMMANDS)
    for (const [flags] of options.filter(([f]) => f.includes("<"))) {
      const flag = /--[a-z-]+/.exec(flags)?.[0] ?? "";
      const { words, elsewhere } = await offer(`${usage.split(" ", 1)[0]} ${flag} `);
      assert.ok(words.length > 0 || elsewhere !== "nothing" || own.has(flag), `${usage} ${flags}`);
    }
});

test("every command and each of its options is offered", async () => {
  const all = await words("");
  assert.equal(all.length, COMMANDS.length + 1);
  for (const { usage, options = [], passThrough } of COMMANDS) {
    if (passThrough && usage.includes("...") && !usage.includes("<")) continue;
    const offered = await words(`${usage.split(" ", 1)[0]} --`);
    for (const [flags] of options)
      assert.ok(offered.includes(/--[a-z-]+/.exec(flags)?.[0] ?? ""), `${usage} ${flags}`);
    assert.ok(offered.includes("--help"));
  }
});

test("every example is of its own command, with options that there are", async () => {
  for (const { usage, example } of COMMANDS) {
    const [name = ""] = usage.split(" ");
    assert.ok(example.length > 0, usage);
    for (const line of example) {
      const [program, ...rest] = line.split(" ");
      assert.equal(program, "vm-agent", line);
      assert.ok(rest.includes(name), line);
      const own = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
      const offered = [...(await words("--")), ...(await words(`${name} --`))];
      for (const word of own.filter((w) => w.startsWith("--")))
        assert.ok(offered.includes(word), `${line}: ${word}`);
    }
  }
});
