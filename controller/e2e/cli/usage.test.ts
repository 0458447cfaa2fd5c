/** Usage errors: three parts, and JSON for programs; and help that fits into eighty columns. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { nameOf } from "../../cli/command-spec.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { GROUPS } from "../../cli/help.ts";
import { BUILDER } from "../support/fleets.ts";
import { type Fixture, createFixture } from "../support/harness.ts";

const WRONG: readonly (readonly [line: string, message: RegExp, next: RegExp])[] = [
  ["plam", /^error: there is no command "plam"; did you mean "plan"\?$/m, /vm-agent --help/],
  ["stauts a", /no command "stauts"; did you mean "status"\?/, /vm-agent --help/],
  ["ls", /no command "ls"; did you mean "list"\?/, /vm-agent --help/],
  ["ssh agent-builder", /no command "ssh"; did you mean "shell"\?/, /vm-agent --help/],
  ["nonsense --help", /no command "nonsense"$/m, /vm-agent --help/],
  ["help nonsense", /no command "nonsense"$/m, /vm-agent --help/],
  ["plan --targt x", /--targt is no option of vm-agent plan; did you mean --target\?/, /plan --help/],
  ["--fleet x list --lable y", /--lable is no option of vm-agent list; did you mean --label\?/, /--help/],
  ["status", /^error: NAME is missing$/m, /as in: vm-agent status agent-builder/],
  ["restore agent-builder", /^error: SNAPSHOT is missing$/m, /as in: vm-agent restore/],
  ["list extra words", /^error: "extra words" is too much$/m, /as in: vm-agent list;/],
  ["plan --target", /^error: --target <name> needs a value$/m, /plan --help/],
  ["--driver docker plan", /"docker"/, /auto, multipass, sandbox/],
  ["plan --driver docker", /"docker"/, /auto, multipass, sandbox/],
  ["list --status broken", /--status is "broken"/, /allowed: online, offline/],
  ["tasks --limit many", /--limit is "many"/, /a whole number from 1/],
  ["history --limit 0", /--limit is "0"/, /a whole number from 1/],
  ["audit --limit -3", /--limit/, /./],
  ["logs agent-builder --lines 1.5", /--lines is "1.5"/, /a whole number from 1/],
  ["exec agent-builder", /no command given/, /vm-agent exec agent-builder -- uname -a/],
  ["exec --timeout soon agent-builder true", /--timeout is "soon"/, /a duration such as 90s/],
  ["exec agent-builder --bogus -- true", /--bogus is no option of vm-agent exec/, /--help/],
  ["task agent-builder", /JSON is missing/, /task --help/],
  ["task agent-builder {", /the task is not JSON/, /quote it for your shell/],
  ["task --all --capability build --agents a {}", /choose one of/, /vm-agent task/],
  ["token nonsense", /nonsense/, /allowed/],
  ["completion tcsh", /no completion for "tcsh"/, /allowed: bash, zsh, fish/],
];

describe("usage", { concurrency: 2 }, () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture({ "builder.yaml": BUILDER });
    await mkdir(join(fixture.folder, "empty"));
  });
  after(() => fixture.close());

  for (const [line, message, next] of WRONG)
    it(`vm-agent ${line}`, async () => {
      const { code, stdout, stderr } = await fixture.cli("--json", ...line.split(" "));
      assert.equal(code, 64, stderr);
      assert.match(stderr, message);
      const [first = "", second = "", ...rest] = stderr.trimEnd().split("\n");
      assert.match(first, /^error: /);
      assert.match(second, /^ {2}\S/, "what to do next stands below");
      assert.match(second, next);
      assert.deepEqual(rest, []);
      const { error } = JSON.parse(stdout) as { readonly error: Record<string, string> };
      assert.deepEqual([`error: ${error.message}`, `  ${error.next}`], [first, second]);
      assert.match(error.code ?? "", /^[a-z]+(-[a-z]+)*$/);
    });

  it("nothing but data goes to stdout", async () => {
    for (const line of ["plam", "status", "list --status broken"]) {
      const { code, stdout } = await fixture.cli(...line.split(" "));
      assert.deepEqual([code, stdout], [64, ""], line);
    }
  });

  it("options of every command may stand before it or after it", async () => {
    const elsewhere = join(fixture.folder, "empty");
    for (const words of [
      ["--fleet", elsewhere, "validate", "--json"],
      ["validate", "--json", "--fleet", elsewhere],
      ["validate", `--fleet=${elsewhere}`, "--json"],
    ]) {
      const { code, stdout } = await fixture.cli(...words);
      assert.equal(code, 0, stdout);
      assert.equal((JSON.parse(stdout) as { readonly agents: number }).agents, 0, words.join(" "));
    }
  });

  it("vm-agent alone is a question, and so is help: every command once, no line longer than a terminal", async () => {
    const alone = await fixture.cli();
    assert.deepEqual([alone.code, alone.stderr], [0, ""]);
    assert.equal((await fixture.cli("--help")).stdout, alone.stdout);
    assert.equal((await fixture.cli("help")).stdout, alone.stdout);
    assert.equal((await fixture.cli("--json")).stdout, alone.stdout);
    assert.equal((await fixture.cli("--fleet")).code, 64);
    for (const line of alone.stdout.split("\n")) assert.ok(line.length <= 80, line);
    const names = COMMANDS.map(nameOf);
    assert.deepEqual(Object.values(GROUPS).flatMap(Object.keys).sort(), [...names, "help"].sort());
    for (const name of [...names, "help"])
      assert.equal(alone.stdout.match(new RegExp(`^ {2}${name}( |$)`, "gm"))?.length, 1, name);
  });
});
