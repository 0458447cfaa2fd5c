/** A plan shows all that applying it will do: what goes into a new instance, snapshots that follow, and nothing that contradicts it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { explain, toText } from "../views/explain.ts";
import { makePlan } from "./plan.ts";
import { steps } from "./steps.ts";
import {
  NOW,
  agentOf,
  claimAsDeclared,
  desiredOf,
  instanceOf,
  observedOf,
  policyOf,
  runtimeOf,
} from "./testing/build.ts";
import type { Desired, DesiredAgent, Observed } from "./types.ts";

const fleetOf = (agent: DesiredAgent, snapshots: Parameters<typeof desiredOf>[1] = []): Desired => ({
  ...desiredOf([], snapshots),
  agents: [agent],
});
const planOf = (desired: Desired, observed: Observed, allowDelete: readonly string[] = []) =>
  makePlan(desired, observed, policyOf({ actor: "apply", allowDelete }), NOW);
const textOf = (plan: ReturnType<typeof planOf>) => toText(explain(plan, { width: 120 }));

const full: DesiredAgent = {
  ...agentOf({ name: "a" }),
  env: { NODE_ENV: "production" },
  secrets: { NPM_TOKEN: { fromEnv: "X" } },
  provision: {
    packages: ["git", "jq"],
    files: [{ path: "/home/ubuntu/.npmrc", content: "registry=x" }],
    run: ["npm i -g pnpm", "echo done"],
    cloudInit: { ntp: {} },
    onChange: "hold",
    hash: "p1",
  },
};

test("a creation shows packages, files, run lines, and names, never values, of env and secrets", () => {
  const plan = planOf(fleetOf(full, [{ name: "clean", agent: "a" }]), observedOf([]));
  const text = textOf(plan);
  for (const part of [
    /packages {2,}git, jq/,
    /files {2,}\/home\/ubuntu\/\.npmrc/,
    /run {2,}npm i -g pnpm\n {2,}echo done/,
    /cloudInit the document/,
    /env {2,}NODE_ENV$/m,
    /secrets {2,}NPM_TOKEN$/m,
    /cost {2,}snapshot "clean" is taken once it is Ready, and stops it for about a minute/,
  ])
    assert.match(text, part);
  assert.doesNotMatch(text, /production|registry=x/);
  assert.equal(plan.changes[0]?.inside?.files?.[0], "/home/ubuntu/.npmrc");
});

test("an agent that gets nothing inside shows no rows of it", () => {
  const plan = planOf(fleetOf(agentOf({ name: "a" })), observedOf([]));
  assert.equal(plan.changes[0]?.inside, undefined);
  assert.doesNotMatch(textOf(plan), /packages|secrets|snapshot/);
});

test("what is pushed to the runtime of an agent that is stopped for a snapshot is not said to need no restart", () => {
  const was = agentOf({ name: "a" });
  const observed = observedOf(
    [instanceOf("a", "Running", { size: was.size, snapshots: [] })],
    [claimAsDeclared(was)],
    [runtimeOf("a")],
  );
  const plan = planOf(
    fleetOf(agentOf({ name: "a", config: "c2" }), [{ name: "clean", agent: "a" }]),
    observed,
  );
  const text = textOf(plan);
  assert.equal(plan.changes[0]?.action, "restart-update");
  assert.match(text, /pushed to the runtime$/m);
  assert.doesNotMatch(text, /no restart/);
  assert.match(text, /a\.clean {2,}snapshot after it is stopped for the change/);
  const alone = planOf(fleetOf(agentOf({ name: "a", config: "c2" })), observed);
  assert.match(textOf(alone), /pushed to the runtime, no restart/);
});

test("holds of an instance that is replaced are not shown, and the new one is as the document says", () => {
  const was = agentOf({ name: "a", disk: "20G", image: "22.04" });
  const now = agentOf({ name: "a", disk: "10G", image: "24.04", provision: "p2" });
  const image = { wanted: "24.04", is: "other", why: "", next: "" } as const;
  const observed = observedOf(
    [instanceOf("a", "Running", { size: was.size, image })],
    [claimAsDeclared(was, { image: "22.04" })],
    [runtimeOf("a")],
  );
  const plan = planOf(fleetOf(now), observed);
  assert.deepEqual([plan.changes.map((c) => c.action), plan.held], [["replace"], []]);
  assert.equal(plan.changes[0]?.after?.disk, now.size.disk);
  assert.ok(steps(plan.changes[0]!).some((s) => s.kind === "revoke" && s.image?.wanted === "24.04"));
  const unknown = { ...image, is: "unknown" } as const;
  const held = observedOf(
    [instanceOf("a", "Running", { size: was.size, image: unknown })],
    observed.claims,
    observed.runtimes,
  );
  assert.equal(planOf(fleetOf(now), held).held.length, 3);
  assert.deepEqual(planOf(fleetOf(now), held, ["a"]).held, []);
});
