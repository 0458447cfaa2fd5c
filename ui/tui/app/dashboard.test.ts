/** The dashboard on a terminal that is none, against a real hub with a scripted fleet behind it. */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { createApi } from "../../client/api.ts";
import type { FleetView } from "../../client/types.ts";
import { aFleet, anAgent, aPlan } from "../../web/testing/fleet.ts";
import { createStage, type Stage } from "../../web/testing/stage.ts";
import { runDashboard } from "./dashboard.tsx";
import type { DashboardDeps, Orders } from "./deps.ts";
import { screenOf } from "../testing/screen-of.ts";
import { type FakeTerminal, fakeTerminal } from "../testing/terminal.ts";

const nameOf = (i: number): string => `agent-${String(i).padStart(3, "0")}`;
const fleet = (): FleetView => aFleet(Array.from({ length: 500 }, (_, i) => anAgent(nameOf(i))));

let stage: Stage;
before(async () => {
  stage = await createStage(fleet());
  stage.plan = aPlan();
});
after(() => stage.close());

interface Shown {
  readonly terminal: FakeTerminal;
  readonly done: string[];
  /** Waits until the screen holds it; the whole screen. */
  sees(text: string | RegExp): Promise<string>;
  close(): Promise<void>;
}

function show(t: TestContext, columns: number, rows: number, more: Partial<DashboardDeps> = {}): Shown {
  const terminal = fakeTerminal(columns, rows);
  const closing = new AbortController();
  const done: string[] = [];
  const say = (what: string) => {
    done.push(what);
    return Promise.resolve(what);
  };
  const orders: Orders = {
    state: (a, s) => say(`${a.join("+")} ${s}`),
    paused: (a, p) => say(`${a.join("+")} paused ${p}`),
    snapshot: (a, s) => say(`${a.join("+")} snapshot ${s}`),
    restore: (a, s) => say(`${a} restore ${s}`),
    destroy: (a) => say(`${a} destroyed`),
    shell: async (a) => {
      done.push(`shell ${a}`);
      return 3;
    },
    document: async (a) => `kind: Agent\nname: ${a}\n`,
  };
  const ended = runDashboard({
    api: createApi({ url: stage.url, token: stage.token }),
    orders,
    where: stage.url,
    hints: [],
    own: false,
    color: false,
    stdin: terminal.stdin,
    stdout: terminal.stdout,
    signal: closing.signal,
    onQuit: (leave) => leave(),
    screenReader: false,
    ...more,
  });
  const close = async (): Promise<void> => {
    closing.abort();
    await ended;
  };
  t.after(close);
  return {
    terminal,
    done,
    async sees(text) {
      const end = Date.now() + 15_000;
      for (;;) {
        const screen = screenOf(terminal.written(), columns, rows);
        if (typeof text === "string" ? screen.includes(text) : text.test(screen)) return screen;
        if (Date.now() > end) throw new Error(`never seen: ${text}\n${screen}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    close,
  };
}

test("500 agents: the rows of the screen are drawn, the last one after G, and a change in its own line only", async (t) => {
  const shown = show(t, 100, 24);
  const first = await shown.sees("500 agents");
  assert.equal(first.split("\n").length, 24);
  assert.match(first, /▸ agent-000/);
  shown.terminal.send("G");
  await shown.sees("▸ agent-499");
  shown.terminal.send("g");
  await shown.sees("▸ agent-000");
  const before = shown.terminal.written().length;
  stage.put(anAgent(nameOf(3), { health: "Degraded" }));
  stage.bus().emit("agent.drifted", { agent: nameOf(3), message: "seen" });
  const screen = await shown.sees(/agent-003.*Degraded/);
  assert.match(screen, /agent-004.*Healthy/);
  // Frames are diffed: only a small part of the screen is output.
  const written = shown.terminal.written().slice(before);
  assert.ok(!written.includes("agent-010"), "an unchanged row was output");
  await shown.close();
});

test("keys: filter, describe, a task and its output, an order and what it says, a shell and back", async (t) => {
  const shown = show(t, 120, 30);
  await shown.sees("500 agents");
  shown.terminal.send("/agent-42");
  await shown.sees("10 of 500");
  shown.terminal.send("\r");
  shown.terminal.send("\r");
  await shown.sees(/SPEC.*\n.*kind: Agent\n.*name: agent-420/);
  shown.terminal.send("\x1b[200~Dq\x1b[201~P");
  await shown.sees("agent-420 paused true");
  shown.terminal.send("s");
  await shown.sees("The shell of agent-420 ended with 3.");
  assert.deepEqual(shown.done, ["agent-420 paused true", "shell agent-420"]);
  shown.terminal.send("D");
  await shown.sees("Destroy agent-420?");
  shown.terminal.send("agent-421\r");
  await shown.sees('"agent-421" is not it');
  shown.terminal.send("agent-420\r");
  await shown.sees("agent-420 destroyed");
  await shown.close();
});

test("an apply hands over what was shown, after the word", async (t) => {
  const shown = show(t, 100, 30);
  await shown.sees("500 agents");
  shown.terminal.send("2");
  await shown.sees("Plan: 1 to create, 2 to change");
  shown.terminal.send("a");
  await shown.sees("Data is lost in agent-cache.");
  shown.terminal.send("yes\r");
  await shown.sees("3 changes handed to the loop.");
  const changes = (stage.applied.at(-1) as { changes: readonly { agent: string }[] }).changes.map(
    (c) => c.agent,
  );
  assert.deepEqual(changes, ["agent-builder", "agent-researcher", "agent-cache"]);
  await shown.close();
});

test("an error of the process is shown on the screen, and no listener is left after the dashboard is closed", async (t) => {
  const listeners = new Set<(words: string) => void>();
  const shown = show(t, 60, 24, {
    faults: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
  await shown.sees("500 agents");
  for (const tell of listeners) tell("the disk is full; all of it is in .vm-agent/up.log");
  const screen = await shown.sees("an error of vm-agent itself");
  assert.match(screen.replace(/\s+/g, " "), /itself: the disk is full; all of it is in \.vm-agent\/up\.log/);
  await shown.close();
  assert.equal(listeners.size, 0);
});

test("Ctrl-L redraws a screen that another program has changed", async (t) => {
  const shown = show(t, 80, 24);
  await shown.sees("500 agents");
  shown.terminal.stdout.write("\x1b[5;1Hother output here\x1b[24;1H");
  await shown.sees("other output");
  shown.terminal.send("\x0c");
  await shown.sees(/^(?![\s\S]*other output)[\s\S]*agent-001[\s\S]*\? help/);
  await shown.close();
});

test("a hub that goes away is said to be lost, with the age of what is shown, and found again", async (t) => {
  const shown = show(t, 100, 24);
  await shown.sees("500 agents");
  await stage.stopHub();
  const lost = await shown.sees("STALE: the hub has been lost");
  assert.match(lost, /What\s+is\s+shown\s+is\s+as\s+of\s+\d\d:\d\d:\d\d/);
  assert.match(lost, /agent-000/);
  await stage.startHub();
  await shown.sees("The hub is back; everything is current again.");
  await shown.close();
});

test("another size is another picture; leaving puts the terminal back", async (t) => {
  const shown = show(t, 120, 24);
  await shown.sees(/500 agents[\s\S]*CHANGED/);
  const before = shown.terminal.written().length;
  shown.terminal.resize(60, 20);
  const narrow = () => screenOf(shown.terminal.written().slice(before), 60, 20);
  const end = Date.now() + 15_000;
  while (!/ ▸ agent-000 +Running/.test(narrow()) || /CHANGED|DESIRED/.test(narrow())) {
    assert.ok(Date.now() < end, narrow());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await shown.close();
  const all = shown.terminal.written();
  assert.ok(all.includes("\x1b[?1049h"));
  assert.ok(all.lastIndexOf("\x1b[?1049l") > all.lastIndexOf("\x1b[?1049h"));
  assert.ok(all.lastIndexOf("\x1b[?25h") > all.lastIndexOf("\x1b[?25l"));
});

test("with a screen reader: sentences on the ordinary screen, no picture", async (t) => {
  const shown = show(t, 100, 24, { screenReader: true });
  const end = Date.now() + 15_000;
  while (!/Selected, 1 of 500: agent-000, builder, desired running/.test(shown.terminal.written())) {
    assert.ok(Date.now() < end, shown.terminal.written());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await shown.close();
  assert.ok(!shown.terminal.written().includes("\x1b[?1049h"));
  assert.doesNotMatch(shown.terminal.written(), /─{5}/);
});
