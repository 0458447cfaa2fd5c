/** The sentences of `why`, for each thing that an agent may be waiting for. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE, NOW } from "../core/testing/build.ts";
import { type JournalEntry, type Sentence, type WhyFacts, why } from "./why.ts";

const G = 1024 ** 3;
const time = (at: number): string => `+${Math.round((at - NOW) / 1000)}s`;

const agent: WhyFacts["agent"] = {
  name: "a",
  wanted: "running",
  seen: "Running",
  size: { cpu: 4, memory: 8 * G, disk: 20 * G },
  seenSize: { cpu: 2, memory: 4 * G, disk: 20 * G },
  ipv4: ["10.1.2.7"],
  runtime: { status: "online", version: "0.1.0", lastSeen: NOW - 11_000 },
  sync: "OutOfSync",
  health: "Healthy",
  source: { file: "fleet/agents/builder.yaml", line: 6, column: 1 },
  conditions: [],
  held: [],
  work: null,
  failure: null,
};
const change: NonNullable<WhyFacts["change"]> = {
  action: "restart-update",
  why: ["agents/builder.yaml:6 was edited"],
  snapshots: [],
  before: { cpu: 2, memory: 4 * G },
  after: { cpu: 4, memory: 8 * G },
};
const entry: JournalEntry = {
  at: NOW - 5 * MINUTE,
  kind: "converged",
  action: "start",
  cause: "drift",
  why: ["drift: it is Stopped, and the fleet was not edited"],
  step: "",
  message: "",
  durationMs: 4000,
};
const facts: WhyFacts = {
  agent,
  written: { revision: "3f2c1ab", author: "Ada", at: NOW - 4 * MINUTE, edited: false },
  driver: "multipass",
  seenAt: NOW - 2000,
  change: null,
  journal: [],
  tasks: [],
  live: true,
  drainMs: 10 * MINUTE,
  now: NOW,
};

const say = (more: Omit<Partial<WhyFacts>, "agent"> & { agent?: Partial<WhyFacts["agent"]> }) => {
  const list = why({ ...facts, ...more, agent: { ...agent, ...more.agent } }, time);
  return (label: Sentence["label"]) => list.filter((s) => s.label === label).map((s) => s.text);
};

describe("why", () => {
  it("tells who wrote what is wanted, where and when", () => {
    const sized = "running, 4 cpu, 8G memory, 20G disk";
    const where = "fleet/agents/builder.yaml:6";
    assert.deepEqual(say({})("Desired"), [`${sized} (${where} at 3f2c1ab by Ada, 4 min ago)`]);
    assert.deepEqual(say({ written: null })("Desired"), [`${sized} (${where})`]);
    const edited = { revision: "3f2c1ab", author: "Ada", at: NOW - 4 * MINUTE, edited: true };
    assert.match(
      say({ written: edited })("Desired")[0] ?? "",
      /4 min ago; edited since, and not committed\)$/,
    );
    assert.deepEqual(say({ agent: { wanted: "absent", source: null } })("Desired"), [
      "nothing: no document wants it",
    ]);
  });

  it("tells what is seen, how long ago, and how the runtime is", () => {
    const seen = "Running, 2 cpu, 4G memory, 20G disk, 10.1.2.7 (multipass, 2 s ago)";
    const runtime = { status: "offline", version: "0.1.0", lastSeen: NOW - 3 * MINUTE };
    const cases: readonly (readonly [Parameters<typeof say>[0], string])[] = [
      [{}, `${seen}; runtime 0.1.0 connected, heartbeat 11 s ago`],
      [{ agent: { runtime } }, `${seen}; runtime 0.1.0 silent, last heartbeat 3 min ago`],
      [
        { agent: { runtime: { ...runtime, status: "suspect" } } },
        `${seen}; runtime 0.1.0 missed heartbeats, last heartbeat 3 min ago`,
      ],
      [{ agent: { runtime: null } }, `${seen}; its runtime was never heard of`],
      [{ live: false, agent: { runtime: null } }, `${seen}; no hub runs, so its runtime is not heard`],
      [
        { agent: { conditions: [{ type: "Ready", reason: "NoRuntime", message: "" }] } },
        `${seen}; no runtime is inside yet, so tasks wait`,
      ],
      [{ agent: { seen: "Stopped", seenSize: null, ipv4: [], runtime } }, "Stopped (multipass, 2 s ago)"],
      [
        { seenAt: null, agent: { seen: "?", seenSize: null, ipv4: [], runtime: null } },
        "nothing can be seen (not looked yet); its runtime was never heard of",
      ],
    ];
    for (const [more, text] of cases) assert.deepEqual(say(more)("Observed"), [text]);
  });

  it("tells the last thing that was done or happened, and why", () => {
    const because = "drift: it is Stopped, and the fleet was not edited (drift, corrected)";
    const cases: readonly (readonly [Partial<JournalEntry>, string])[] = [
      [{}, `started at +-300s in 4 s: ${because}`],
      [
        { action: "later", cause: "edited", durationMs: null },
        "later at +-300s: drift: it is Stopped, and the fleet was not edited",
      ],
      [{ kind: "failed", step: "launch", message: "no room" }, "launch failed at +-300s: no room"],
      [{ kind: "drifted", message: "its instance is gone" }, "drifted at +-300s: its instance is gone"],
      [
        { kind: "step", step: "stop", cause: "edited", why: [] },
        "stop done at +-300s in 4 s, on the way to start",
      ],
    ];
    for (const [more, text] of cases)
      assert.deepEqual(
        say({
          journal: [
            { ...entry, at: 0 },
            { ...entry, ...more },
          ],
        })("Last"),
        [text],
      );
    assert.deepEqual(say({})("Last"), []);
  });

  it("tells what holds it, and what releases that", () => {
    const held = [
      { reason: "waiting", message: "it is Starting", release: "nothing" },
      { reason: "protected", message: "it is protected", release: "vm-agent apply --allow-delete a" },
    ];
    const said = say({ agent: { held } });
    assert.deepEqual(said("Held"), ["it is protected; release: vm-agent apply --allow-delete a"]);
    assert.deepEqual(say({ agent: { held: held.slice(0, 1) } })("Next"), [
      "looked at again by itself: it is Starting",
    ]);
    assert.deepEqual(say({ agent: { held: held.slice(1) } })("Next"), ["nothing until it is released"]);
  });

  it("tells what comes next, and what it waits for", () => {
    const what = "restart-update (cpu 2 → 4, memory 4G → 8G), because agents/builder.yaml:6 was edited";
    const task = { id: "7f3a0000-0000", what: "npm test", since: NOW - 3 * MINUTE };
    const failure = { message: "no room", next: "make room", count: 2, retryAt: NOW + 8000 };
    const cases: readonly (readonly [Parameters<typeof say>[0], string])[] = [
      [{}, "nothing to do: it is in sync, and the loop keeps it so"],
      [{ live: false }, "nothing to do: it is in sync"],
      [{ change }, `as soon as it is its turn: ${what}`],
      [{ change, live: false }, `at the next vm-agent apply or vm-agent up: ${what}`],
      [{ change: { ...change, waitsUntil: "b and c are Ready" } }, `as soon as b and c are Ready: ${what}`],
      [
        { change, tasks: [task] },
        `as soon as task 7f3a0000 (npm test, running 3 min) ends, or 10 min after it is begun at the latest: ${what}`,
      ],
      [
        { change: { ...change, action: "update" }, tasks: [task] },
        `as soon as it is its turn: ${what.replace("restart-", "")}`,
      ],
      [{ change, agent: { failure } }, "attempt 3 at +8s; make room"],
      [
        { change, agent: { failure: { ...failure, retryAt: null } } },
        "nothing by itself, after 2 attempts: make room",
      ],
      [{ change, agent: { sync: "Paused" } }, "nothing: it is paused; vm-agent resume a"],
      [{ agent: { seen: "?" } }, "nothing until Multipass can be seen again"],
    ];
    for (const [more, text] of cases) assert.deepEqual(say(more)("Next"), [text]);
  });

  it("tells what is being done now, and until when tasks are waited for", () => {
    const work = { action: "restart-update", step: "stop", detail: "", since: NOW, stepSince: NOW - 3000 };
    assert.deepEqual(say({ agent: { work } })("Now"), ["restart-update: stopping for 3 s"]);
    const tasks = [{ id: "7f3a0000-0000", what: "npm test", since: NOW - MINUTE }];
    assert.deepEqual(say({ agent: { work: { ...work, step: "drain" } }, tasks })("Now"), [
      "restart-update: waiting for its tasks to end for 3 s: task 7f3a0000 (npm test, running 60 s); at +597s it goes on at the latest",
    ]);
    assert.deepEqual(say({ agent: { work: { ...work, step: null } } })("Now"), [
      "restart-update: beginning for 3 s",
    ]);
    assert.deepEqual(say({ agent: { work } })("Next"), ["in sync, when this is done"]);
  });
});

it("an instance in sync whose runtime is silent says what its condition says, as list and status do", () => {
  const message =
    "it runs; its runtime is silent: nothing listens at 10.0.0.1:9090; restart-runtime (try 2) comes later";
  const conditions = [{ type: "Ready", reason: "RuntimeOffline", message }];
  for (const health of ["Offline", "Degraded"])
    assert.deepEqual(say({ agent: { sync: "Synced", health, conditions } })("Next"), [
      `its instance is in sync, and its runtime is not well: ${message}`,
    ]);
  const [well] = say({ agent: { sync: "Synced", health: "Healthy", conditions } })("Next");
  assert.match(well ?? "", /nothing to do/);
});
