/** However the terminal dashboard ends, the terminal is as it was: the ordinary screen, the cursor, lines and echo; what went wrong is read there. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { MAIN, createFixture, type Fixture, until } from "../support/harness.ts";
import { NO_TMUX, openTmux, type Tmux } from "../support/tmux.ts";

/** Faults in the process itself, at a signal that nothing else is meant by. */
const FAULTS = `
process.on("SIGUSR2", () => { throw new Error("a seeded fault"); });
process.on("SIGURG", () => void Promise.reject(new Error("a seeded rejection")));
`;

describe("leaving", { skip: NO_TMUX, timeout: 170_000 }, () => {
  let fixture: Fixture;
  let terminal: Tmux;
  let pidFile: string;
  before(async () => {
    fixture = await createFixture({});
    terminal = openTmux(fixture, { shell: ["sh"], width: 80, height: 24 });
    pidFile = join(fixture.folder, "pid");
    writeFileSync(join(fixture.folder, "faults.mjs"), FAULTS);
  });
  after(async () => {
    terminal?.close();
    await fixture?.close();
  });

  const looks = () => terminal.run("display", "-p", "-t", "a", "#{alternate_on} #{cursor_flag}").trim();

  /** Opens it, and gives its process. */
  async function open(command: string, env = ""): Promise<number> {
    terminal.line("clear");
    rmSync(pidFile, { force: true });
    const node = `'${process.execPath}' --import '${join(fixture.folder, "faults.mjs")}' '${MAIN}'`;
    terminal.line(`sh -c "echo \\$\\$ > '${pidFile}'; ${env} exec ${node} ${command}"`);
    await terminal.sees(/1 Fleet {2}2 Plan/);
    await until("the other screen, without a cursor", () => looks() === "1 0");
    return Number(readFileSync(pidFile, "utf8"));
  }

  /** The screen after it ended, with how it ended; the terminal takes lines and shows them. */
  async function isBack(): Promise<string> {
    await until("the ordinary screen, with a cursor", () => looks() === "0 1");
    terminal.line("echo ended-$?");
    const screen = await terminal.sees(/ended-\d+/);
    assert.doesNotMatch(screen, /1 Fleet {2}2 Plan/);
    terminal.line("stty -a | tr ' ' '\\n' | grep -cxE 'icanon|echo|isig|icrnl|opost'; echo settings");
    assert.match(await terminal.sees(/^(\$ )?\d\nsettings$/m), /5\nsettings$/m);
    return screen;
  }

  test("dash: q, Ctrl-C, signals, an uncaught fault", async () => {
    const up = await fixture.up();
    try {
      for (const key of ["q", "C-c"]) {
        await open("dash");
        terminal.keys(key);
        assert.match(await isBack(), /ended-0/, key);
      }
      for (const [signal, code] of [
        ["SIGTERM", 143],
        ["SIGHUP", 129],
        ["SIGINT", 130],
      ] as const) {
        process.kill(await open("dash"), signal);
        assert.match(await isBack(), new RegExp(`ended-${code}`), signal);
      }
      for (const [signal, words] of [
        ["SIGUSR2", "a seeded fault"],
        ["SIGURG", "a seeded rejection"],
      ] as const) {
        process.kill(await open("dash"), signal);
        const screen = await isBack();
        assert.match(screen, new RegExp(`Error: ${words}[\\s\\S]*ended-1`));
      }
    } finally {
      await up.end();
    }
  });

  test("up: a fault ends it; Ctrl-C waits for the running step and says so, a second one does not", async () => {
    process.kill(await open("up"), "SIGUSR2");
    assert.match(await isBack(), /Error: a seeded fault[\s\S]*ended-1/);

    const rules = join(fixture.folder, "slow.json");
    writeFileSync(rules, JSON.stringify({ rules: [{ command: "launch", fault: "slow", ms: 60_000 }] }));
    await fixture.write("one.yaml", "kind: Agent\nname: agent-one\ncpu: 1\nmemory: 512M\ndisk: 5G\n");
    await open("up", `VM_AGENT_SANDBOX_FAULTS='${rules}'`);
    await terminal.sees(/agent-one .*launch/);
    terminal.keys("C-c");
    await terminal.sees(/stopping: running steps are finished; Ctrl-C again stops at once/);
    terminal.keys("C-c");
    assert.match(await isBack(), /stopped at once; the next start goes on from here[\s\S]*ended-130/);
  });
});
