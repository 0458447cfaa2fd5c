/** Keys: what each leads to, on a fleet that has one of everything. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { COMMANDS, completions } from "../input/commands.ts";
import { actionOf, KEYS } from "../input/keys.ts";
import { settled } from "../input/moves.ts";
import { type KeyFlags, pressOf } from "../input/press.ts";
import { frameOf } from "../views/screen.ts";
import { initialUi, placeOf, spotOf, VIEWS, withSpot } from "./state.ts";
import { ids, many, play, worldWith } from "../testing/play.ts";
import { AT, worldAt } from "../testing/scene.ts";

describe("moving", () => {
  test("the cursor goes down and up, and stops at both ends", () => {
    assert.equal(spotOf(play(["down", "j"]).ui).id, "agent-researcher");
    assert.equal(spotOf(play(["down", "j", "k"]).ui).id, "agent-cache");
    assert.equal(spotOf(play(["up"]).ui).id, "agent-builder");
    assert.equal(spotOf(play(["G"]).ui).id, "agent-vermessung");
    assert.equal(spotOf(play(["G", "down", "g"]).ui).id, "agent-builder");
  });

  test("it stays with its agent when rows move", () => {
    const { ui } = play(["down", "o"]);
    assert.equal(ui.order, "trouble");
    assert.equal(ids(ui)[0], "agent-vermessung");
    assert.equal(spotOf(play(["up"], ui).ui).id, ids(ui)[ids(ui).indexOf("agent-cache") - 1]);
  });

  test("of many agents only those on the screen are drawn, around the cursor", () => {
    const world = many(500);
    const { ui } = play(["G"], initialUi(80, 24), world);
    const { body, height } = frameOf(ui, world, AT);
    assert.equal(body.ids.length, 500);
    assert.ok(height < 20);
    assert.equal(settled(ui, body, height), ui);
    assert.equal(spotOf(ui).top, 500 - height);
    assert.equal(spotOf(play(["g"], ui, world).ui).top, 0);
  });

  test("a followed text stays at its end until it is scrolled up", () => {
    const { ui } = play(["4", "up"], initialUi(100, 8));
    assert.equal(spotOf(ui).follow, false);
    assert.equal(spotOf(play(["end"], ui).ui).follow, true);
    assert.equal(spotOf(play(["f"], ui).ui).follow, true);
  });
});

describe("views and pages", () => {
  test("digits, Tab and back", () => {
    assert.deepEqual(
      ["1", "2", "3", "4", "5"].map((k) => placeOf(play([k]).ui).kind),
      VIEWS,
    );
    assert.equal(placeOf(play(["tab", "tab"]).ui).kind, "tasks");
    assert.equal(placeOf(play(["shift+tab"]).ui).kind, "commands");
    assert.equal(placeOf(play(["5", "esc"]).ui).kind, "fleet");
  });

  test("Enter describes, and Escape leads back to where the cursor was", () => {
    const { ui } = play(["down", "enter"]);
    assert.deepEqual(placeOf(ui), { kind: "agent", name: "agent-cache" });
    const back = play(["?", "esc", "esc"], ui).ui;
    assert.equal(placeOf(back).kind, "fleet");
    assert.equal(spotOf(back).id, "agent-cache");
  });
});

describe("filtering", () => {
  test("what is typed shows at once, Enter keeps it, Escape shows all again", () => {
    const typing = play(["/", "t", "e", "s"]);
    assert.deepEqual(ids(typing.ui), ["agent-tester-1", "agent-tester-2"]);
    const kept = play(["enter"], typing.ui).ui;
    assert.equal(kept.dialog, null);
    assert.deepEqual(ids(kept), ["agent-tester-1", "agent-tester-2"]);
    assert.equal(ids(play(["esc"], kept).ui).length, 6);
  });

  test("Escape while typing brings the former one back", () => {
    const ui = withSpot(initialUi(100, 30), { filter: "cache" });
    assert.deepEqual(ids(play(["/", "x", "x", "esc"], ui).ui), ["agent-cache"]);
  });

  test("a letter that is typed is not a command", () => {
    const { ui, effects } = play(["/", "q", "D", "x"]);
    assert.equal(spotOf(ui).filter, "qDx");
    assert.deepEqual(effects, []);
  });
});

describe("destroying", () => {
  test("only the name, letter for letter, does it", () => {
    const asked = play(["D", ..."agent-builde", "enter"]);
    assert.deepEqual(asked.effects, []);
    assert.match(
      asked.ui.dialog?.kind === "typed" ? asked.ui.dialog.problem : "",
      /"agent-builde" is not it/,
    );
    assert.deepEqual(play([..."agent-builder", "enter"], asked.ui).effects, [
      { type: "destroy", agent: "agent-builder" },
    ]);
  });

  test("an empty line, Escape and Ctrl-C do nothing to it", () => {
    for (const keys of [["enter"], ["esc"], ["y"], ["y", "enter"]])
      assert.deepEqual(play(["D", ...keys]).effects, []);
    assert.deepEqual(play(["D", "ctrl+c"]).effects, [{ type: "interrupt" }]);
  });
});

describe("doing", () => {
  test("stop asks, and starts what is to be stopped", () => {
    assert.deepEqual(play(["x"]).effects, []);
    assert.deepEqual(play(["x", "n"]).effects, []);
    assert.deepEqual(play(["x", "y"]).effects, [
      { type: "state", agents: ["agent-builder"], state: "stopped" },
    ]);
    const on = withSpot(initialUi(100, 30), { id: "agent-tester-2" });
    assert.deepEqual(play(["x", "y"], on).effects, [
      { type: "state", agents: ["agent-tester-2"], state: "running" },
    ]);
  });

  test("an apply that loses data wants the word, and one that does not a letter", () => {
    const lossy = play(["a", "y"]);
    assert.deepEqual(lossy.effects, []);
    const orders = [
      { agent: "agent-builder", action: "restart-update" },
      { agent: "agent-researcher", action: "create" },
      { agent: "agent-cache", action: "replace" },
    ];
    assert.deepEqual(play(["e", "s", "enter"], lossy.ui).effects, [
      { type: "apply", orders, allowDelete: [] },
    ]);
    const { plan } = worldAt();
    const kind = plan ? { ...plan, changes: plan.changes.slice(0, 1) } : null;
    assert.deepEqual(play(["a", "y"], undefined, worldAt({ plan: kind })).effects, [
      { type: "apply", orders: orders.slice(0, 1), allowDelete: [] },
    ]);
  });

  test("a held deletion is let through once it is marked, and then needs the word", () => {
    const marked = play(["2", "G", "k", "k", "k", "k", " "]).ui;
    assert.deepEqual(marked.allowed, ["agent-tester-2"]);
    const [effect] = play(["a", ..."yes", "enter"], marked).effects;
    assert.equal(effect?.type, "apply");
    assert.deepEqual(effect?.type === "apply" && effect.allowDelete, ["agent-tester-2"]);
    assert.deepEqual(play([" "], marked).ui.allowed, []);
  });

  test("without a plan nothing can be applied, and it says so", () => {
    assert.match(play(["a"], undefined, worldAt({ plan: undefined })).ui.notice?.text ?? "", /no plan yet/);
    assert.equal(play(["a"], undefined, worldAt({ plan: null })).ui.dialog, null);
  });

  test("a task is a shell line or JSON; what is not JSON stays to be mended", () => {
    assert.deepEqual(play(["t", ..."ls -l", "enter"]).effects, [
      { type: "task", agents: ["agent-builder"], body: { type: "exec", command: "ls -l" } },
    ]);
    const json = '{"type":"exec","command":"id"}';
    assert.deepEqual(play(["t", json, "enter"]).effects, [
      { type: "task", agents: ["agent-builder"], body: { type: "exec", command: "id" } },
    ]);
    const broken = play(["t", "{oops", "enter"]);
    assert.deepEqual(broken.effects, []);
    assert.match(broken.ui.dialog?.kind === "line" ? broken.ui.dialog.problem : "", /not JSON/);
    const again = play(["t", "up", "enter"], play(["t", ..."ls", "enter"]).ui);
    assert.deepEqual(again.effects, [
      { type: "task", agents: ["agent-builder"], body: { type: "exec", command: "ls" } },
    ]);
  });

  test("a shell needs a running instance; pause and reconcile do not ask", () => {
    assert.deepEqual(play(["s"]).effects, [{ type: "shell", agent: "agent-builder" }]);
    assert.match(play(["G", "s"]).ui.notice?.text ?? "", /absent: a shell needs it running/);
    assert.deepEqual(play(["P", "r"]).effects, [
      { type: "paused", agents: ["agent-builder"], paused: true },
      { type: "reconcile", agents: ["agent-builder"] },
    ]);
  });

  test("a snapshot has a name that is proposed and can be changed", () => {
    const asked = play(["S"]).ui.dialog;
    assert.match(asked?.kind === "line" ? asked.typing.text : "", /^s-20261122-\d{4}$/);
    assert.deepEqual(play(["S", "ctrl+c"]).effects, []);
    assert.deepEqual(play(["S", ..."mine", "enter"]).effects, [
      { type: "snapshot", agents: ["agent-builder"], snapshot: "mine" },
    ]);
    assert.match(JSON.stringify(play(["S", "enter"]).effects), /"snapshot":"s-20261122-\d{4}"/);
    const { effects } = play([":", ..."snapshot agent-cache before", "enter"]);
    assert.deepEqual(effects, [{ type: "snapshot", agents: ["agent-cache"], snapshot: "before" }]);
  });
});

describe("commands", () => {
  test("a name may be begun, an agent may be named, else it is the one under the cursor", () => {
    assert.deepEqual(play([":", ..."pau", "enter"]).effects, [
      { type: "paused", agents: ["agent-builder"], paused: true },
    ]);
    assert.deepEqual(play([":", ..."resume agent-cache", "enter"]).effects, [
      { type: "paused", agents: ["agent-cache"], paused: false },
    ]);
    assert.equal(placeOf(play([":", ..."ev", "enter"]).ui).kind, "events");
    assert.match(play([":", ..."stop no-such", "enter"]).ui.notice?.text ?? "", /no agent "no-such"/);
    assert.match(play([":", ..."frobnicate", "enter"]).ui.notice?.text ?? "", /no command "frobnicate"/);
    assert.match(play([":", ..."s", "enter"]).ui.notice?.text ?? "", /no command "s"/);
  });

  test("Tab completes the command and then the agent", () => {
    const word = play([":", ..."des", "tab"]).ui.dialog;
    assert.equal(word?.kind === "line" && word.typing.text, "des");
    const more = play([":", ..."dest", "tab", ..."agent-te", "tab"]).ui.dialog;
    assert.equal(more?.kind === "line" && more.typing.text, "destroy agent-tester-");
    assert.deepEqual(completions("describe agent-c", ["agent-cache", "x"]), ["describe agent-cache"]);
  });

  test("destroying and restoring by command ask as the keys do", () => {
    assert.deepEqual(play([":", ..."destroy agent-cache", "enter"]).effects, []);
    const world = worldWith((a) => ({ ...a, snapshots: ["clean"] }));
    const keys = [":", ..."restore agent-cache clean", "enter", ..."agent-cache", "enter"];
    const asked = play(keys, undefined, world);
    assert.deepEqual(asked.effects, [{ type: "restore", agent: "agent-cache", snapshot: "clean" }]);
  });

  test("a shell line keeps its spaces", () => {
    assert.deepEqual(play([":", ..."task agent-cache echo 'a  b'", "enter"]).effects, [
      { type: "task", agents: ["agent-cache"], body: { type: "exec", command: "echo 'a  b'" } },
    ]);
  });
});

describe("leaving", () => {
  test("on a page q leads back, as in a pager; the command leaves from anywhere", () => {
    const page = play(["enter", "l"]).ui;
    assert.deepEqual(placeOf(play(["q"], page).ui), { kind: "agent", name: "agent-builder" });
    assert.deepEqual(play(["q", "q"], page).effects, []);
    assert.deepEqual(play(["q", "q", "q"], page).effects, [{ type: "quit" }]);
    assert.deepEqual(play([":", "q", "enter"], page).effects, [{ type: "quit" }]);
  });

  test("a guest leaves at once; whoever runs the hub is asked", () => {
    assert.deepEqual(play(["q"]).effects, [{ type: "quit" }]);
    const own = worldAt({ own: true });
    assert.deepEqual(play(["q"], undefined, own).effects, []);
    assert.deepEqual(play(["q", "y"], undefined, own).effects, [{ type: "quit" }]);
    assert.deepEqual(play(["q", "n"], undefined, own).effects, []);
    // While it stops, a second q is not a second Ctrl-C.
    assert.deepEqual(play(["q", "y"], undefined, worldAt({ own: true, stopping: true })).effects, []);
    assert.deepEqual(play(["ctrl+c"], undefined, own).effects, [{ type: "interrupt" }]);
  });
});

describe("the table of keys", () => {
  test("no key means two things in one place, and every action is reachable", () => {
    const places = [...VIEWS, "help", "agent", "logs", "task"] as const;
    for (const place of places)
      for (const { keys, id, where } of KEYS)
        for (const key of keys)
          if (where === undefined || where.includes(place))
            assert.equal(actionOf(key, place), id, `${key} in ${place}`);
    assert.equal(new Set(COMMANDS.map((c) => c.name)).size, COMMANDS.length);
  });

  test("what the terminal sends has one name", () => {
    const none = Object.fromEntries(
      [
        "upArrow",
        "downArrow",
        "leftArrow",
        "rightArrow",
        "pageDown",
        "pageUp",
        "home",
        "end",
        "return",
        "escape",
      ]
        .concat(["ctrl", "shift", "tab", "backspace", "delete", "meta"])
        .map((k) => [k, false]),
    ) as unknown as KeyFlags;
    assert.deepEqual(pressOf("", { ...none, upArrow: true }), { name: "up", text: "" });
    assert.deepEqual(pressOf("", { ...none, tab: true, shift: true }), { name: "shift+tab", text: "" });
    assert.deepEqual(pressOf("c", { ...none, ctrl: true }), { name: "ctrl+c", text: "" });
    assert.deepEqual(pressOf("D", { ...none, shift: true }), { name: "text", text: "D" });
    assert.equal(pressOf("x", { ...none, meta: true }), null);
    assert.deepEqual(pressOf("b", { ...none, meta: true }), { name: "word-left", text: "" });
    assert.deepEqual(pressOf("", { ...none, rightArrow: true, ctrl: true }), {
      name: "word-right",
      text: "",
    });
    assert.deepEqual(pressOf("", { ...none, backspace: true, meta: true }), {
      name: "word-backspace",
      text: "",
    });
    assert.equal(pressOf("", none), null);
  });
});
