/** live-progress.ts on a screen of a test's own: what stands there, what stays, and that nothing is left over. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { AnyEvent, EventMap, EventName } from "../../base/events.ts";
import { textWidth } from "../../views/text-width.ts";
import { createLiveProgress } from "./live-progress.ts";
import { captured } from "../testing/captured.ts";

/** Understands what the drawing uses: line ends, lines up, clear to the end. */
function screen() {
  let lines: string[] = [];
  return {
    write(text: string) {
      for (const [part, up] of text.matchAll(/\u001b\[(\d+)A\u001b\[J|[^\u001b\n]*\n/g))
        if (up) lines = lines.slice(0, lines.length - Number(up));
        else lines.push(part.slice(0, -1));
      assert.ok(!text.replaceAll(/\u001b\[\d+A\u001b\[J/g, "").includes("\u001b"), JSON.stringify(text));
    },
    lines: () => lines.map((l) => l.trimEnd()),
  };
}

function scene(t: TestContext, columns = 80) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const shown = screen();
  const output = {
    ...captured(),
    out: (text: string) => shown.write(`${text}\n`),
    err: (text: string) => shown.write(`${text}\n`),
  };
  let now = 0;
  const said = new Map<string, string>();
  const progress = createLiveProgress({
    output,
    write: shown.write,
    wants: (agent) => agent !== "z",
    said: (agent) => said.get(agent) ?? "",
    hint: "Ctrl-C: stop",
    now: () => now,
    columns: () => columns,
  });
  t.after(() => progress.close());
  const tell = <K extends EventName>(name: K, data: EventMap[K]) =>
    progress.event({ name, at: now, data } as AnyEvent);
  return {
    shown,
    said,
    progress,
    tell,
    begin: (agent: string, step: string, detail = "") => tell("step.started", { agent, step, detail }),
    end: (agent: string, step: string, durationMs: number) =>
      tell("step.done", { agent, step, durationMs, skipped: false }),
    tick: (ms: number) => {
      now += ms;
      t.mock.timers.tick(ms);
    },
  };
}

test("a line for each agent: what is done, what is going on and for how long, what Multipass says", (t) => {
  const { shown, said, begin, end, tick } = scene(t);
  begin("builder", "stop");
  begin("b", "launch");
  begin("z", "launch");
  tick(3000);
  end("builder", "stop", 3000);
  begin("builder", "resize", "cpu 4");
  said.set("b", "Retrieving image: 41%");
  tick(120);
  const [one, two, last] = shown.lines();
  assert.match(one ?? "", /^ {2}builder {2}✓ stopped 3 s {2}\S resizing cpu 4 0 s$/);
  assert.match(two ?? "", /^ {2}b {8}\S launching 3 s 41%$/);
  assert.equal(last, "  0 done, 2 in work, 3 s   Ctrl-C: stop");
  assert.equal(shown.lines().length, 3);
});

test("what is over stays above, in order, and closing leaves nothing else", (t) => {
  const { shown, progress, begin, end, tell, tick } = scene(t);
  begin("a", "launch");
  begin("b", "start");
  tick(2000);
  end("a", "launch", 2000);
  tell("agent.converged", { agent: "a" });
  tell("step.failed", { agent: "b", step: "start", message: "no room", next: "make some", retryInMs: null });
  progress.note("a remark");
  const kept = [
    "  a  ✓ launched 2 s",
    "b: ✗ start failed: no room (not tried again by itself)",
    "    make some",
    "a remark",
  ];
  assert.deepEqual(shown.lines(), kept);
  begin("c", "stop");
  assert.equal(shown.lines().length, kept.length + 2);
  progress.close();
  assert.deepEqual(shown.lines(), kept);
  tick(5000);
  assert.deepEqual(shown.lines(), kept);
});

test("no line is longer than the terminal, whatever the names", (t) => {
  const { shown, begin, tick } = scene(t, 30);
  begin("a".repeat(60), "launch");
  tick(500);
  assert.ok(shown.lines().length === 2 && shown.lines().every((l) => l.length < 30));
});

test("a line with wide characters is cut at the terminal's last column", (t) => {
  const { shown, begin, said } = scene(t, 40);
  said.set("a", "");
  begin("a", "launch", "イメージを取得しています、しばらくお待ちください");
  assert.ok(shown.lines().length > 0);
  for (const line of shown.lines()) assert.ok(textWidth(line) <= 39, line);
  assert.match(shown.lines()[0] ?? "", /…$/);
});
