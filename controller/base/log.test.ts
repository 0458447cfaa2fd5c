/** log.ts: levels, forms, and that a line stays one line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, logOptions } from "./log.ts";

test("plain lines, from the level on, one line each", () => {
  const lines: string[] = [];
  const log = createLogger({ now: () => 0, write: (line) => lines.push(line) });
  log.debug("not shown");
  log.with({ agent: "a" }).warn("two\nlines\u001b[2K", { path: "/x y", n: 1 });
  assert.deepEqual(lines, ['1970-01-01T00:00:00.000Z warn  two lines agent=a path="/x y" n=1\n']);
});

test("JSON lines when asked for; fields cannot replace time, level and message", () => {
  const lines: string[] = [];
  const log = createLogger({
    ...logOptions({ VM_AGENT_LOG: "json", VM_AGENT_LOG_LEVEL: "debug" }),
    now: () => 0,
    write: (line) => lines.push(line),
  });
  log.debug("m", { level: "forged", n: 1 });
  assert.deepEqual(JSON.parse(lines[0]!), {
    n: 1,
    time: "1970-01-01T00:00:00.000Z",
    level: "debug",
    message: "m",
  });
});
