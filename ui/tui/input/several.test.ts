/** Orders for several agents, restores, and agents whose document is gone: what is asked, and what a yes leads to. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { initialUi, placeOf, spotOf, withSpot } from "../app/state.ts";
import { play, worldWith } from "../testing/play.ts";

describe("several at once", () => {
  const marked = () => play([" ", " "]).ui;

  test("space marks and goes on, again takes it back, * is for all that are shown, Escape takes all back", () => {
    assert.deepEqual(marked().marked, ["agent-builder", "agent-cache"]);
    assert.equal(spotOf(marked()).id, "agent-researcher");
    assert.deepEqual(play(["up", " "], marked()).ui.marked, ["agent-builder"]);
    const filtered = play(["/", ..."tester", "enter", "*"], marked()).ui;
    assert.deepEqual(filtered.marked.length, 4);
    assert.deepEqual(play(["*"], filtered).ui.marked, ["agent-builder", "agent-cache"]);
    // Marks first, then the filter.
    const once = play(["esc"], filtered).ui;
    assert.deepEqual([once.marked, spotOf(once).filter], [[], "tester"]);
    assert.equal(spotOf(play(["esc"], once).ui).filter, "");
    assert.deepEqual(play([":", ..."unmark", "enter"], marked()).ui.marked, []);
  });

  test("one question lists all marked agents, confirming sends one request and clears the marks", () => {
    const asked = play(["x"], marked()).ui;
    const dialog = asked.dialog?.kind === "sure" ? asked.dialog : null;
    assert.equal(dialog?.title, "Stop 2 agents?");
    for (const name of ["agent-builder", "agent-cache"])
      assert.ok(
        dialog?.lines.some((l) => l.startsWith(name)),
        dialog?.lines.join("\n"),
      );
    const { ui, effects } = play(["y"], asked);
    assert.deepEqual(effects, [
      { type: "state", agents: ["agent-builder", "agent-cache"], state: "stopped" },
    ]);
    assert.deepEqual(ui.marked, []);
    assert.deepEqual(play(["n"], asked).ui.marked, ["agent-builder", "agent-cache"]);
    assert.deepEqual(play(["n"], asked).effects, []);
  });

  test("pause, task, snapshot, suspend and reconcile are for all of them", () => {
    const agents = ["agent-builder", "agent-cache"];
    const ordered = (...keys: readonly string[]) => play(keys, marked()).effects;
    assert.deepEqual(ordered("P"), []);
    assert.deepEqual(ordered("P", "y"), [{ type: "paused", agents, paused: true }]);
    assert.deepEqual(ordered("t", ..."ls", "enter"), []);
    const body = { type: "exec", command: "ls" };
    assert.deepEqual(ordered("t", ..."ls", "enter", "y"), [{ type: "task", agents, body }]);
    assert.deepEqual(ordered("S", ..."now", "enter", "y"), [{ type: "snapshot", agents, snapshot: "now" }]);
    assert.deepEqual(ordered(":", ..."suspend", "enter", "y"), [
      { type: "state", agents, state: "suspended" },
    ]);
    assert.deepEqual(ordered("r"), [{ type: "reconcile", agents }]);
  });

  test("what loses data is for one at a time; what looks is for the one under the cursor", () => {
    for (const key of ["D", "R"]) {
      const { ui, effects } = play([key], marked());
      assert.deepEqual([ui.dialog, effects], [null, []]);
      assert.match(ui.notice?.text ?? "", /2 agents are marked.*one at a time/);
    }
    assert.deepEqual(placeOf(play(["l"], marked()).ui), { kind: "logs", name: "agent-researcher" });
    assert.deepEqual(placeOf(play(["up", "d"], marked()).ui), { kind: "agent", name: "agent-cache" });
  });

  test("x stops those that run, and starts only where all are to be stopped; who is named goes alone", () => {
    const mixed = { ...initialUi(100, 30), marked: ["agent-cache", "agent-tester-2"] };
    assert.deepEqual(play(["x", "y"], mixed).effects, [
      { type: "state", agents: ["agent-cache"], state: "stopped" },
    ]);
    assert.deepEqual(play([":", ..."start agent-tester-2", "enter", "y"], mixed).effects, [
      { type: "state", agents: ["agent-tester-2"], state: "running" },
    ]);
  });

  test("replicas are written together, and the question says so", () => {
    const replicas = worldWith((a) =>
      a.name.startsWith("agent-tester") ? { ...a, document: "agent-tester", wanted: "running" } : a,
    );
    const on = withSpot(initialUi(100, 30), { id: "agent-tester-1" });
    const { dialog } = play(["x"], on, replicas).ui;
    assert.equal(dialog?.kind === "sure" && dialog.title, "Stop 2 agents?");
    assert.deepEqual(dialog?.kind === "sure" && dialog.effect, {
      type: "state",
      agents: ["agent-tester"],
      state: "stopped",
    });
  });

  test("marks of agents that are gone count for nothing", () => {
    const gone = { ...initialUi(100, 30), marked: ["agent-cache", "agent-gone"] };
    assert.deepEqual(play(["x", "y"], gone).effects, [
      { type: "state", agents: ["agent-cache"], state: "stopped" },
    ]);
  });
});

describe("going back to a snapshot", () => {
  const world = () => worldWith((a) => ({ ...a, snapshots: ["clean", "s-1", "s-2"] }));

  test("R: which one, then the name; the newest is proposed", () => {
    const choosing = play(["R"], undefined, world()).ui;
    assert.equal(choosing.dialog?.kind === "choose" && choosing.dialog.index, 2);
    const asked = play(["up", "k", "enter"], choosing, world()).ui;
    assert.equal(asked.dialog?.kind === "typed" && asked.dialog.title, "Restore agent-builder to clean?");
    assert.deepEqual(play([..."agent-builder", "enter"], asked, world()).effects, [
      { type: "restore", agent: "agent-builder", snapshot: "clean" },
    ]);
    assert.deepEqual(play(["y", "enter"], asked, world()).effects, []);
    assert.equal(play(["esc"], choosing, world()).ui.dialog, null);
  });

  test("one that is not there, and none at all, are said", () => {
    const unknown = play([":", ..."restore agent-cache cleam", "enter"], undefined, world()).ui;
    assert.match(unknown.notice?.text ?? "", /no snapshot "cleam"; there is: clean, s-1, s-2/);
    const none = worldWith((a) => ({ ...a, snapshots: [] }));
    assert.match(play(["R"], undefined, none).ui.notice?.text ?? "", /has no snapshot to go back to/);
  });
});

describe("an agent whose document is gone", () => {
  const gone = (reason: string) => {
    const world = worldWith((a) =>
      a.name === "agent-tester-2" ? { ...a, source: null, wanted: "absent", sync: "Held" } : a,
    );
    const held = world.plan?.held.map((h) => ({ ...h, reason })) ?? [];
    return { ...world, plan: world.plan && { ...world.plan, held } };
  };
  const on = withSpot(initialUi(100, 30), { id: "agent-tester-2" });

  test("D lets its held removal through, once its name is typed", () => {
    const asked = play(["D"], on, gone("prune-off"));
    assert.match(asked.ui.dialog?.kind === "typed" ? asked.ui.dialog.title : "", /Remove the instance of/);
    assert.deepEqual(play([..."agent-tester-2", "enter"], asked.ui, gone("prune-off")).effects, [
      {
        type: "apply",
        orders: [{ agent: "agent-tester-2", action: "destroy" }],
        allowDelete: ["agent-tester-2"],
      },
    ]);
  });

  test("nothing can be written about it, and it says what can be done", () => {
    for (const key of ["x", "P", "R"]) {
      const { ui, effects } = play([key], on, gone("prune-off"));
      assert.deepEqual([ui.dialog, effects], [null, []], key);
      assert.match(ui.notice?.text ?? "", /has no document any more: write it again .* or D removes/);
    }
  });
});
