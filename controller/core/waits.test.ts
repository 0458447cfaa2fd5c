/** Nothing waits for an event that the observed state excludes: wanted × observed × what the claim knows × runtime, all of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Is } from "./actions.ts";
import { diff } from "./diff/diff.ts";
import { steps } from "./steps.ts";
import {
  GRACE,
  NOW,
  type ShortAgent,
  agentOf,
  claimAsDeclared,
  claimOf,
  desiredOf,
  instanceOf,
  observedOf,
  runtimeOf,
} from "./testing/build.ts";
import { type Change, type Claim, INSTANCE_STATES, type RuntimeReading } from "./types.ts";

const WANTS = ["running", "stopped", "suspended", "absent"] as const;
const STATES: readonly Is[] = [...INSTANCE_STATES, "absent", "unobservable"];
const FRESH = { claimedAt: NOW - 1000, bootAt: NOW - 1000, proven: false } as const;

/** What is known of the last launch, failed or not. */
const CLAIMS: Readonly<Record<string, (agent: ShortAgent) => Claim | null>> = {
  "no claim": () => null,
  "launch begun a moment ago": () => claimOf("a", null, { ...FRESH, phase: "launching" }),
  "launch begun long ago": () => claimOf("a", null, { phase: "launching", proven: false }),
  "launch failed and left it, a moment ago": () =>
    claimOf("a", null, { ...FRESH, phase: "launching", leftover: true }),
  "launch failed and left it, long ago": () =>
    claimOf("a", null, { phase: "launching", proven: false, leftover: true }),
  "launched a moment ago, never ready": () => claimOf("a", null, FRESH),
  "launched long ago, never ready": () => claimOf("a", null, { proven: false }),
  converged: (agent) => claimAsDeclared(agentOf(agent)),
  "converged, started a moment ago": (agent) => claimAsDeclared(agentOf(agent), { bootAt: NOW - 1000 }),
  "removal begun": (agent) => claimAsDeclared(agentOf(agent), { phase: "removing" }),
};

const RUNTIMES: Readonly<Record<string, readonly RuntimeReading[]>> = {
  "never heard": [],
  offline: [runtimeOf("a", { status: "offline", lastSeen: NOW - 10 * GRACE })],
  online: [runtimeOf("a")],
};

/** Instances change from these by themselves. */
const PASSING: readonly Is[] = ["Starting", "Restarting", "Suspending", "Delayed Shutdown"];
/** A runtime may say hello in these, for as long as a boot may take. */
const BOOTING: readonly Is[] = ["Running", "Unknown"];

function canBeWaitedFor(is: Is, claim: Claim | null): boolean {
  if (PASSING.includes(is)) return true;
  const booting = claim !== null && NOW - claim.bootAt < GRACE;
  if (is === "absent") return booting && claim.phase === "launching" && !claim.leftover;
  return booting && BOOTING.includes(is);
}

const DOWN: readonly Is[] = ["Stopped", "Suspended", "Deleted", "absent"];
const AFTER: Readonly<Record<string, Is>> = {
  start: "Running",
  launch: "Running",
  stop: "Stopped",
  suspend: "Suspended",
  recover: "Stopped",
  remove: "absent",
};

/** The first step that waits for what cannot come, when each step before it has done its work; null: none does. */
function hopeless(change: Change): string | null {
  let is: Is = change.seen ?? "absent";
  for (const step of steps(change)) {
    if (step.kind === "await-ready" && DOWN.includes(is)) return `await-ready while it is ${is}`;
    const fits = [...step.requires, ...step.satisfied];
    if (fits.length > 0 && !fits.includes(is as (typeof fits)[number]) && !PASSING.includes(is))
      return `${step.kind} while it is ${is}`;
    is = AFTER[step.kind] ?? is;
  }
  return null;
}

test("no cell of wanted × observed × claim × runtime waits for an event that cannot happen there", () => {
  const wrong: string[] = [];
  let cells = 0;
  let waits = 0;
  for (const want of WANTS)
    for (const is of STATES)
      for (const [known, claimFor] of Object.entries(CLAIMS))
        for (const [heard, runtimes] of Object.entries(RUNTIMES)) {
          const short: ShortAgent = { name: "a", state: want === "absent" ? "running" : want };
          const claim = claimFor(short);
          const instances =
            is === "unobservable"
              ? "no answer"
              : is === "absent"
                ? []
                : [instanceOf("a", is, { size: agentOf(short).size, mounts: [] })];
          const observed = observedOf(instances, claim ? [claim] : [], runtimes);
          const desired = desiredOf(want === "absent" ? [] : [short]);
          const found = diff(desired, observed, NOW, GRACE);
          const where = `${want} × ${is} × ${known} × ${heard}`;
          cells++;
          for (const held of found.held) {
            if (held.reason !== "waiting") continue;
            waits++;
            if (!canBeWaitedFor(is, claim)) wrong.push(`${where}: waits (${held.message})`);
          }
          for (const change of found.changes) {
            const why = hopeless(change);
            if (why !== null) wrong.push(`${where}: ${change.action}: ${why}`);
          }
        }
  assert.equal(cells, 4 * 12 * 10 * 3);
  assert.ok(waits > 0);
  assert.deepEqual(wrong, []);
});

test("what a failed launch left Stopped is started, and what nothing proves is held with the commands", () => {
  const stopped = (claim: Claim) => observedOf([instanceOf("a", "Stopped")], [claim]);
  const launching = { ...FRESH, phase: "launching" } as const;
  const left = diff(
    desiredOf([{ name: "a" }]),
    stopped(claimOf("a", null, { ...launching, leftover: true })),
    NOW,
    GRACE,
  );
  assert.deepEqual(
    left.changes.map((c) => [c.action, steps(c).map((s) => s.kind)]),
    [["start", ["start", "await-ready", "converged"]]],
  );
  const doubtful = diff(desiredOf([{ name: "a" }]), stopped(claimOf("a", null, launching)), NOW, GRACE);
  assert.deepEqual(doubtful.changes, []);
  assert.equal(doubtful.held[0]?.reason, "unproven");
  assert.match(doubtful.held[0]?.release ?? "", /multipass start a.*multipass delete --purge a/);
  const undesired = diff(
    desiredOf([]),
    stopped(claimOf("a", null, { ...launching, leftover: true })),
    NOW,
    GRACE,
  );
  assert.deepEqual(
    undesired.changes.map((c) => c.action),
    ["destroy"],
  );
});
