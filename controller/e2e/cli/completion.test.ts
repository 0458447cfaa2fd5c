/** The completion scripts in the shells that are there, with the Tab key, before a fleet that runs: what a person gets. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { packageRoot } from "../../base/paths.ts";
import { THREE } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";
import { NO_TMUX, openTmux } from "../support/tmux.ts";

const isThere = (shell: string) => spawnSync(shell, ["--version"]).status === 0;

/** How each shell is started without its user's settings, and loads the script. */
const SHELLS = {
  bash: { argv: ["bash", "--norc"], setup: "source <(vm-agent completion bash)" },
  zsh: {
    argv: ["zsh", "-f"],
    setup: "PS1='$ '; autoload -U compinit; compinit -D -u; source <(vm-agent completion zsh)",
  },
  fish: { argv: ["fish", "--no-config"], setup: "vm-agent completion fish | source" },
} as const;

describe("completion", { timeout: 170_000 }, () => {
  let fixture: Fixture;
  let up: Up;
  let task = "";
  before(async () => {
    fixture = await createFixture({
      ...THREE,
      "clean.yaml": "kind: Snapshot\nname: clean\nagent: agent-researcher\n",
    });
    await mkdir(join(fixture.folder, "otherfleet"));
    await writeFile(join(fixture.folder, "saved-plan.json"), "{}");
    up = await fixture.up();
    await until(
      "the fleet is in sync",
      async () => {
        const { agents, settled } = await up.api.getFleet();
        return settled && agents.every((a) => a.health === "Healthy");
      },
      90_000,
    );
    task = (await up.api.submitTask("agent-builder", { type: "exec", command: "sleep 600" })).taskId;
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  for (const [shell, { argv, setup }] of Object.entries(SHELLS))
    it(`${shell}: what Tab makes of a line`, {
      skip: NO_TMUX || (isThere(shell) ? false : `no ${shell} here`),
    }, async () => {
      const path = [
        join(packageRoot(), "node_modules", ".bin"),
        dirname(process.execPath),
        process.env.PATH,
      ].join(delimiter);
      // The sockets of two terminals must not be one.
      const own = { ...fixture, folder: join(fixture.folder, shell) };
      await mkdir(own.folder);
      const terminal = openTmux(own, {
        shell: [`PATH=${path}`, "TERM=screen", `HOME=${own.folder}`, ...argv],
        width: 200,
        height: 40,
      });
      try {
        const { keys, line, sees } = terminal;
        line(`cd ${fixture.folder}`);
        line(setup);
        line("printf 'ready-%s\\n' 42");
        await sees(/^ready-42/m);
        /** Types it and Tab, waits, and gives the line up. */
        const tab = async (typed: string, expected: string | RegExp) => {
          keys("-l", typed);
          keys("Tab");
          const wanted =
            typeof expected === "string"
              ? new RegExp(`vm-agent ${expected.replaceAll(/[.$]/g, "\\$&")}( |/|$)`, "m")
              : expected;
          await sees(wanted);
          keys("C-u", "C-l");
          await until("a clear screen", () => !terminal.screen().includes("vm-agent ")).catch((e: unknown) =>
            assert.fail(`${e}\n${terminal.screen()}`),
          );
        };
        await tab("vm-agent susp", "suspend");
        await tab("vm-agent stop agent-b", "stop agent-builder");
        await tab("vm-agent list --status on", "list --status online");
        await tab("vm-agent list --status=of", "list --status=offline");
        await tab("vm-agent list --type res", "list --type researcher");
        await tab("vm-agent --driver sa", "--driver sandbox");
        await tab("vm-agent task --capability b", "task --capability build");
        await tab("vm-agent task --agents agent-builder,agent-t", "task --agents agent-builder,agent-tester");
        await tab("vm-agent task --selector type=tes", "task --selector type=tester");
        await tab("vm-agent restore agent-researcher c", "restore agent-researcher clean");
        await tab("vm-agent create x --profile sm", "create x --profile small");
        await tab("vm-agent cancel ", `cancel ${task}`);
        await tab("vm-agent plan --detail", "plan --detailed-exitcode");
        await tab("vm-agent apply sav", "apply saved-plan.json");
        await tab("vm-agent --fleet oth", "--fleet otherfleet");
        // Only bash has no place for remarks.
        if (shell !== "bash") {
          await tab("vm-agent resu", "resume");
          await tab("vm-agent sta", /start .*set state: running/);
          await tab("vm-agent status agent-", /agent-researcher .*researcher, running/);
          await tab("vm-agent audit --", /--anchor .*with verify/);
        }
      } finally {
        terminal.close();
      }
    });

  it("saved as a file of the shell's own folder, it completes at the first Tab, too", {
    skip: NO_TMUX || (isThere("zsh") ? false : "no zsh here"),
  }, async () => {
    const own = { ...fixture, folder: join(fixture.folder, "fpath") };
    await mkdir(own.folder);
    const { stdout } = await fixture.cli("completion", "zsh");
    await writeFile(join(own.folder, "_vm-agent"), stdout);
    const path = [join(packageRoot(), "node_modules", ".bin"), dirname(process.execPath), process.env.PATH];
    const terminal = openTmux(own, {
      shell: [`PATH=${path.join(delimiter)}`, "TERM=screen", `HOME=${own.folder}`, "zsh", "-f"],
      width: 120,
      height: 20,
    });
    try {
      terminal.line(`PS1='$ '; fpath=(${own.folder} $fpath); autoload -U compinit; compinit -D -u`);
      terminal.line("printf 'ready-%s\\n' 42");
      await terminal.sees(/^ready-42/m);
      terminal.keys("-l", "vm-agent susp");
      terminal.keys("Tab");
      await terminal.sees(/vm-agent suspend( |$)/m);
    } finally {
      terminal.close();
    }
  });

  it("another shell is refused with those that there are", async () => {
    const { code, stderr } = await fixture.cli("completion", "tcsh");
    assert.deepEqual([code, /allowed: bash, zsh, fish/.test(stderr)], [64, true]);
  });
});
