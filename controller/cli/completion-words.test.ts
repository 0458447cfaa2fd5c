/** What completes where: commands, options and their values, names, snapshots of the agent that is named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "./commands.ts";
import { candidates } from "./completion-words.ts";

const known = {
  agents: ["agent-a", "agent-b", "builder"],
  snapshots: [
    { agent: "agent-a", name: "clean" },
    { agent: "agent-b", name: "other" },
  ],
};
const words = async (line: string) =>
  (await candidates(COMMANDS, line.split(" "), async () => known)).map((c) => c.word);

for (const [line, expected] of [
  ["sta", ["start", "status"]],
  ["--fleet x desc", []],
  ["--driver ", ["auto", "multipass", "sandbox"]],
  ["stop agent-", ["agent-a", "agent-b"]],
  ["stop agent-a agent-", ["agent-b"]],
  ["--fleet f status b", ["builder"]],
  ["status builder ", []],
  ["restore agent-a ", ["clean"]],
  ["plan --target ag", ["agent-a", "agent-b"]],
  ["plan --det", ["--detailed-exitcode"]],
  ["plan -o ", []],
  ["list --status o", ["online", "offline"]],
  ["completion ", ["bash", "zsh", "fish"]],
  ["task agent-a ", []],
  ["exec ag", ["agent-a", "agent-b"]],
  ["exec agent-a -- --", []],
  ["multipass ", []],
  ["nonsense ", []],
] as const)
  test(`vm-agent ${line}|`, async () => assert.deepEqual(await words(line), expected));

test("every command and each of its options is offered", async () => {
  const all = await words("");
  assert.equal(all.length, COMMANDS.length);
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
