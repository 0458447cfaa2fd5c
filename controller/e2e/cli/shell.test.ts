/** A shell in an agent, from the dashboard and from a prompt: its end gives the terminal back to who had it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { MAIN, createFixture } from "../support/harness.ts";
import { NO_PTY } from "../support/pty.ts";
import { NO_TMUX, openTmux } from "../support/tmux.ts";

const CAGE = ["--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"];
const NO_BWRAP = spawnSync("bwrap", [...CAGE, "true"]).status === 0 ? false : "bubblewrap does not work here";

const AGENT = "kind: Agent\nname: agent-one\ncpu: 1\nmemory: 512M\ndisk: 5G\n";

test("a shell opened with s leads back to the dashboard, and vm-agent shell to the prompt", {
  skip: NO_TMUX || NO_PTY || NO_BWRAP,
  timeout: 90_000,
}, async () => {
  const fixture = await createFixture({ "all.yaml": AGENT });
  const terminal = openTmux(fixture, { shell: ["bash", "--norc"], width: 100, height: 30 });
  after(async () => {
    terminal.close();
    await fixture.close();
  });
  const { keys, line, run, sees } = terminal;
  const command = `'${process.execPath}' '${MAIN}'`;

  line(`${command} up`);
  await sees(/agent-one .*running +Running +✓ Synced +● Healthy/);
  keys("s");
  await sees(/Welcome to agent-one/);
  line("echo in-$((40+2))-$(hostname)");
  await sees(/in-42-agent-one/);
  // Job control stays inside: one is stopped and continued, and nothing outside notices.
  line("cat");
  // Echoed by the terminal, then printed by cat: it has the terminal now, and a C-z is for it.
  line("ping");
  await sees(/^ping\nping$/m);
  keys("C-z");
  await sees(/Stopped +cat/);
  line("fg");
  await sees(/^cat$/m);
  keys("C-d");
  run("resize-window", "-t", "a", "-x", "120", "-y", "32");
  line("echo size $(stty size)");
  await sees(/^size 32 120$/m);
  line("exit 3");
  await sees(/The shell of agent-one ended with 0/);
  await sees(/agent-one .*● Healthy/);
  keys("-l", "/zzz");
  await sees(/No agent matches "zzz"/);
  keys("Escape");
  await sees(/agent-one .*● Healthy/);
  // An agent's name is written as it is, also at the beginning of a sentence.
  keys("P");
  await sees(/^ *agent-one is paused; written to /m);
  keys("q");
  await sees(/Stop the hub and the loop\?/);
  keys("y");
  await sees(/stopping; the agents stay as they are/);
  line("echo back-$((40+2))");
  await sees(/back-42/);

  run("clear-history", "-t", "a");
  line(`clear; ${command} shell agent-one; echo code-$?`);
  await sees(/Welcome to agent-one/);
  line("echo again-$(hostname)");
  await sees(/again-agent-one/);
  line("exit");
  const left = await sees(/code-0/);
  assert.doesNotMatch(left, /Stopped/);
  line("echo prompt-$((1+1))");
  await sees(/prompt-2/);
});
