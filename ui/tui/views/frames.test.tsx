/** Whole screens as Ink draws them, at fixed widths, as golden files; `VM_AGENT_UPDATE_GOLDEN=1` rewrites them. */
/** @jsxImportSource react */
process.env.TZ = "UTC";
import { textWidth } from "../../../controller/views/text-width.ts";
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { renderToString } from "ink";
import { reduce } from "../../client/model.ts";
import { emptyOutput, withChunk, withEnd } from "../../client/output-text.ts";
import { askApply, askDestroy } from "../input/asks.ts";
import { type Line, textOf } from "./line.ts";
import { hintsAt } from "./foot-lines.ts";
import { KEYS } from "../input/keys.ts";
import { settled } from "../input/moves.ts";
import { Rows } from "./rows.tsx";
import { drawScreen, frameOf } from "./screen.ts";
import { speechLines } from "./speech.ts";
import { initialUi, opened, type Place, type Ui, VIEWS, viewed, withSpot } from "../app/state.ts";
import { AT, fleetAt, modelAt, tasks, worldAt } from "../testing/scene.ts";
import type { World } from "../app/world.ts";

function sourceFolder(): string {
  let root = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(root, "package.json"))) root = dirname(root);
  return join(root, "ui", "tui", "views", "testdata");
}

function linesOf(ui: Ui, world: World): readonly Line[] {
  const frame = frameOf(ui, world, AT);
  const lines = drawScreen(settled(ui, frame.body, frame.height), frame);
  assert.equal(lines.length, ui.rows);
  for (const line of lines) assert.ok(textWidth(textOf(line)) <= ui.columns, textOf(line));
  return lines;
}

/** The text that Ink makes of it. */
function drawn(ui: Ui, world: World): string {
  const lines = linesOf(ui, world);
  return `${renderToString(<Rows lines={lines} color={false} />, { columns: ui.columns })
    .replace(/\x1b\[[0-9;]*m/g, "")
    .split("\n")
    .map((l) => l.trimEnd())
    .join("\n")}\n`;
}

function golden(name: string, text: string): void {
  const path = join(sourceFolder(), `${name}.golden.txt`);
  if (process.env.VM_AGENT_UPDATE_GOLDEN === "1") writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
}

const dialog = (asked: ReturnType<typeof askApply>): Ui["dialog"] =>
  "dialog" in asked ? asked.dialog : null;

for (const width of [60, 80, 120, 200]) {
  test(`the fleet at ${width} columns`, () =>
    golden(`fleet-${width}`, drawn(initialUi(width, 24), worldAt())));
}

test("at 40 columns both axes are one word, and what is amiss comes first", () =>
  golden("fleet-40", drawn(initialUi(40, 20), worldAt())));

test("marked rows, and the line that says of the one under the cursor what there is no room for", () => {
  const ui = { ...initialUi(80, 24), marked: ["agent-builder", "agent-tester-2"] };
  golden("marked-80", drawn(withSpot(ui, { id: "agent-tester-2" }), worldAt()));
});

test("what is said is said to its end", () => {
  const text = `agent-builder, agent-cache are to be stopped; written to agents/builder.yaml, agents/cache.yaml.`;
  for (const width of [30, 60, 80]) {
    const screen = drawn({ ...initialUi(width, 24), notice: { tone: "good", text, at: AT } }, worldAt());
    assert.ok(screen.replace(/\s+/g, " ").includes(text), screen);
    // The keys are there too.
    assert.match(screen, /\? help {2}q quit/);
  }
  const endless = { tone: "bad", text: "x".repeat(2000), at: AT } as const;
  assert.match(drawn({ ...initialUi(60, 24), notice: endless }, worldAt()), /x…\n.*\? help/);
});

test("views keep their names on every page, in every width that has room for them", () => {
  const places = [
    { kind: "logs", name: "agent-builder" },
    { kind: "task", id: tasks[0]?.id ?? "" },
    { kind: "help" },
  ];
  for (const place of places as readonly Place[])
    for (const width of [60, 80, 200]) {
      const ui = withSpot(opened(initialUi(width, 24), place), {
        filter: "a long filter of many words",
        wrap: true,
      });
      assert.match(
        drawn(ui, worldAt()),
        /1 Fleet +2 Plan +3 Tasks +4 Events +5 Commands/,
        `${place.kind} at ${width}`,
      );
    }
  for (const view of ["events", "commands"] as const) {
    const ui = withSpot(viewed(initialUi(60, 24), view), {
      filter: "a long filter of many words",
      wrap: true,
    });
    assert.match(drawn(ui, worldAt()), /1 Fleet 2 Plan 3 Tasks 4 Events 5 Commands/, view);
  }
});

test("choosing a snapshot", () => {
  const options = Array.from({ length: 30 }, (_, i) => `s-${i}`);
  const dialog = {
    kind: "choose",
    title: "Restore agent-builder to which?",
    agent: "agent-builder",
    options,
    index: 28,
  };
  golden("choose-60", drawn({ ...initialUi(60, 16), dialog: dialog as Ui["dialog"] }, worldAt()));
});

test("every key that is hinted at does something, and says what it would do now", () => {
  const world = worldAt();
  const hints = (ui: Ui) => {
    const { body } = frameOf(ui, world, AT);
    const { first, always } = hintsAt(ui, body, world);
    return [...first, ...always].map((h) => `${h.key} ${h.word}`);
  };
  assert.ok(hints(initialUi(80, 24)).includes("x stop"));
  const stopped = withSpot(initialUi(80, 24), { id: "agent-tester-2" });
  assert.ok(hints(stopped).includes("x start"));
  assert.ok(!hints(stopped).includes("s shell"));
  assert.ok(hints(opened(initialUi(80, 24), { kind: "help" })).includes("q back"));
  // Whatever is not hinted at because it would do nothing: every other key of the place is.
  for (const view of VIEWS) {
    const ui = viewed(initialUi(80, 24), view);
    for (const hint of hints(ui)) assert.ok(KEYS.some((k) => hint.startsWith(k.shown.split(" ")[0] ?? "?")));
  }
});

test("the fleet's banners: sandbox, broken files, what is not committed", () => {
  const fleet = fleetAt({
    driver: { name: "sandbox", version: "1.16.3", sandbox: true },
    errors: [
      'agents/builder.yaml:4:1 unknown field "cpus"; did you mean "cpu"?',
      "agents/x.yaml:1:1 no kind",
    ],
    stale: true,
    unobservable: "multipass list did not answer within 20 s",
    git: { follows: "HEAD", tip: "3f2c1ab", uncommitted: ["agents/builder.yaml"], problem: null },
  });
  golden("banners-80", drawn(initialUi(80, 24), worldAt({ model: modelAt(fleet) })));
});

test("what a person must know about the hub itself is above the table", () => {
  const fleet = fleetAt({
    alerts: [
      {
        level: "bad",
        message:
          "Stored data is lost or damaged: the database lost its last 2 transactions: audit entries 12 to 13",
        next: "vm-agent audit verify lists all of it",
      },
      { level: "warn", message: "The clock jumped ahead by 400 d", next: "set the clock" },
    ],
  });
  golden("alerts-80", drawn(initialUi(80, 24), worldAt({ model: modelAt(fleet) })));
});

test("a lost hub is said, with how old the rest is", () => {
  const model = reduce(modelAt(), {
    type: "lost",
    now: AT - 14_000,
    message: "the hub does not answer",
    retryAt: AT + 3000,
  });
  golden("lost-80", drawn(initialUi(80, 16), worldAt({ model })));
});

test("a hub that refuses the token is not called lost", () => {
  const refused = "that is not the operator's token";
  const screen = drawn(initialUi(80, 24), worldAt({ refused }));
  assert.match(
    screen.replace(/\s+/g, " "),
    /does not let us in any more: that is not the operator's token\. It is asked/,
  );
  assert.doesNotMatch(screen, /lost/);
});

test("an agent whose document is gone: the way out is in its line, and no key is offered that needs a document", () => {
  const hold = {
    reason: "prune-off",
    message: "its document is gone, and prune is off",
    release: "vm-agent apply",
  };
  const fleet = fleetAt();
  const agents = fleet.agents.map((a) =>
    a.name === "agent-cache" ? { ...a, source: null, wanted: "absent", sync: "Held", held: [hold] } : a,
  );
  const ui = withSpot(initialUi(80, 24), { id: "agent-cache" });
  const screen = drawn(ui, worldAt({ model: modelAt({ ...fleet, agents: agents as typeof fleet.agents }) }));
  assert.match(screen, /── held: its document is gone, and prune is off; D removes it ─/);
  assert.match(screen, /^ D remove {2}/m);
  assert.doesNotMatch(screen, /x st(?:op|art)|S snapshot/);
});

test("what a field says is said to its end at 40 columns", () => {
  const typing = { text: "x", cursor: 1 };
  const problem = "not JSON: Unexpected token 'o', \"{oops\" is not valid JSON, and this is the end";
  const field = { kind: "line", agents: ["agent-builder"], before: "", back: 0, typing } as const;
  const said = (dialog: Ui["dialog"]) =>
    drawn({ ...initialUi(40, 24), dialog }, worldAt()).replace(/\s+/g, " ");
  assert.ok(said({ ...field, what: "task", problem }).includes("and this is the end"));
  assert.match(said({ ...field, what: "snapshot", problem: "" }), /started again, if it runs\./);
});

test("what is typed is seen, however long the name before it is", () => {
  const name = `agent-${"long-".repeat(11)}1`;
  const field = { kind: "line", what: "task", agents: [name], before: "", back: 0, problem: "" } as const;
  for (const width of [40, 80]) {
    const typing = { text: "echo hello", cursor: 10 };
    assert.match(drawn({ ...initialUi(width, 24), dialog: { ...field, typing } }, worldAt()), /echo hello/);
    const asked = dialog(askDestroy(worldAt(), "agent-builder"));
    const typed = { ...asked, word: name, typing: { text: name, cursor: name.length } } as Ui["dialog"];
    assert.match(drawn({ ...initialUi(width, 24), dialog: typed }, worldAt()), /^ .*long-long-1 *$/m);
  }
});

test("an agent in full", () => {
  const world = worldAt({
    document: { name: "agent-builder", text: "kind: Agent\nname: agent-builder\ncpu: 4\n" },
  });
  golden("agent-100", drawn(opened(initialUi(100, 60), { kind: "agent", name: "agent-builder" }), world));
});

test("what is wrong inside an agent is a line of its page", () => {
  const ready = {
    type: "Ready",
    status: "True",
    reason: "RuntimeProblems",
    since: AT,
    observedRevision: "3f2c1ab",
  } as const;
  const message = "its runtime says: the disk is full; it runs, and takes tasks";
  const fleet = fleetAt();
  const agents = fleet.agents.map((a) =>
    a.name === "agent-cache" ? { ...a, health: "Degraded", conditions: [{ ...ready, message }] } : a,
  );
  const world = worldAt({ model: modelAt({ ...fleet, agents }) });
  const page = (name: string) => drawn(opened(initialUi(100, 40), { kind: "agent", name }), world);
  assert.match(page("agent-cache"), new RegExp(`^ *▲ ${message}$`, "m"));
  assert.doesNotMatch(page("agent-builder"), /its runtime says/);
});

test("the plan", () => golden("plan-100", drawn(viewed(initialUi(100, 50), "plan"), worldAt())));

test("the tasks", () => golden("tasks-100", drawn(viewed(initialUi(100, 12), "tasks"), worldAt())));

test("the events", () => golden("events-80", drawn(viewed(initialUi(80, 12), "events"), worldAt())));

test("the calls of multipass, wrapped", () => {
  const ui = withSpot(viewed(initialUi(60, 12), "commands"), { wrap: true });
  golden("commands-60", drawn(ui, worldAt()));
});

test("the output of a task, filtered", () => {
  const id = tasks[0]?.id ?? "";
  let text = withChunk(emptyOutput, "output", {
    stream: "stdout",
    data: "one\n\x1b[31mtwo\x1b[0m\nthree\x07\n",
  });
  text = withChunk(text, "output", {
    stream: "stdout",
    data: "ten\n",
    gap: { afterLine: 3, bytes: 4_800_000 },
  });
  text = withEnd(text, { state: "failed", exitCode: 3, error: null, droppedBytes: 4_800_000 });
  const ui = withSpot(opened(initialUi(80, 10), { kind: "task", id }), { filter: "e" });
  golden("task-80", drawn(ui, worldAt({ output: { id, text, lost: "" } })));
});

test("a log", () => {
  const lines = [
    { seq: 1, at: AT - 5000, level: "info", message: "connected" },
    {
      seq: 2,
      at: AT - 4000,
      level: "error",
      message: "a line that is longer than there is room for on a screen of sixty columns",
    },
  ];
  const ui = withSpot(opened(initialUi(60, 10), { kind: "logs", name: "agent-builder" }), { wrap: true });
  golden("log-60", drawn(ui, worldAt({ log: { name: "agent-builder", lines, lost: "" } })));
});

test("the question before an apply says what it costs", () => {
  const world = worldAt();
  golden("apply-80", drawn({ ...initialUi(80, 30), dialog: dialog(askApply(world, [])) }, world));
});

test("the question before a destroy", () => {
  const world = worldAt();
  golden(
    "destroy-60",
    drawn({ ...initialUi(60, 20), dialog: dialog(askDestroy(world, "agent-builder")) }, world),
  );
});

test("the help", () => golden("help-80", drawn(opened(initialUi(80, 90), { kind: "help" }), worldAt())));

test("no data yet, and no agents", () => {
  const waiting = drawn(initialUi(60, 8), worldAt({ model: modelAt(null) }));
  golden(
    "waiting-60",
    waiting + drawn(initialUi(60, 8), worldAt({ model: modelAt({ ...fleetAt(), agents: [] }) })),
  );
});

test("for screen readers: sentences, with the selected row named", () => {
  const world = worldAt();
  const ui = initialUi(80, 24);
  const frame = frameOf(ui, world, AT);
  golden("speech", `${speechLines(ui, world, frame, AT).map(textOf).join("\n")}\n`);
});

test("however small the screen, every line fits and nothing throws", () => {
  const world = worldAt();
  for (const width of [20, 33, 47, 61, 90, 131, 240])
    for (const rows of [6, 13, 24, 60])
      for (const view of ["fleet", "plan", "tasks", "events", "commands"] as const)
        linesOf(viewed(initialUi(width, rows), view), world);
});
