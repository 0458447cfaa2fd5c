/** One meaning in two spellings: an edit that changes no meaning makes no change in the plan. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { NOW, claimAsDeclared, instanceOf, observedOf, policyOf, runtimeOf } from "../core/testing/build.ts";
import { makePlan } from "../core/plan.ts";
import type { Desired } from "../core/types.ts";
import { loadFleet } from "./load.ts";

const root = mkdtempSync(join(tmpdir(), "vm-agent-spellings-"));
after(() => rmSync(root, { recursive: true, force: true }));

const folder = join(root, "fleet");
mkdirSync(join(folder, "work"), { recursive: true });
writeFileSync(join(folder, "init.yaml"), "#cloud-config\npackages: [git]\nntp: {enabled: true}\n");
writeFileSync(
  join(folder, "init2.yaml"),
  "#cloud-config\n# formatted\nntp:\n  enabled: true\npackages:\n  - git\n",
);

async function fleetOf(text: string): Promise<Desired> {
  writeFileSync(join(folder, "a.yaml"), `kind: Agent\nname: a\n${text}`);
  const read = await loadFleet(folder, { userHome: root });
  assert.ok(read.ok, read.ok ? "" : JSON.stringify(read.errors));
  return read.desired;
}

const SPELLINGS: readonly (readonly [what: string, before: string, now: string])[] = [
  ["sizes in other units", "memory: 4G\ndisk: 20G\n", "memory: 4096M\ndisk: 20480MiB\n"],
  [
    "sizes with i and B, and in bytes",
    "memory: 4GiB\ndisk: 20GB\n",
    "memory: 4294967296\ndisk: 21474836480B\n",
  ],
  ["a fraction of a unit", "memory: 1.5G\n", "memory: 1536m\n"],
  ["the defaults, written", "", "cpu: 2\nmemory: 4G\ndisk: 20G\nstate: running\nreplicas: 1\ntype: worker\n"],
  ["the state in quotes", "state: stopped\n", 'state: "stopped"\n'],
  [
    "mounts below the home folder",
    "mounts: [{source: ~/fleet/work, target: /srv/w}]\n",
    "mounts: [{source: ./work, target: /srv/w}]\n",
  ],
  [
    "mounts with . and .. and a slash at the end",
    "mounts: [{source: work, target: /srv/w}]\n",
    "mounts:\n  - target: /srv/w\n    source: ./work/../work/\n",
  ],
  [
    "mounts in another order",
    "mounts: [{source: ., target: /b}, {source: work, target: /a}]\n",
    "mounts: [{source: work, target: /a}, {source: ., target: /b}]\n",
  ],
  [
    "labels and env in another order",
    "labels: {a: x, b: y}\nenv: {A: '1', B: '2'}\n",
    'env:\n  B: "2"\n  A: "1"\nlabels:\n  b: y\n  a: x\n',
  ],
  ["capabilities in another order", "capabilities: [build, test]\n", "capabilities:\n  - test\n  - build\n"],
  [
    "provisioning in another format",
    "provision: {packages: [git], run: ['echo a'], files: [{path: /a, content: x, mode: '0600'}]}\n",
    'provision:\n  # one file\n  files:\n    - mode: "0600"\n      content: x\n      path: /a\n  run:\n    - echo a\n  packages:\n    - git\n',
  ],
  [
    "cloud-init in another format",
    "provision: {cloudInit: ./init.yaml}\n",
    "provision: {cloudInit: init2.yaml}\n",
  ],
  [
    "secrets in another order",
    "secrets: {A: {fromEnv: X}, B: {fromEnv: Y}}\n",
    "secrets:\n  B:\n    fromEnv: Y\n  A:\n    fromEnv: X\n",
  ],
];

for (const [what, before, now] of SPELLINGS)
  test(`no change: ${what}`, async () => {
    const [agent] = (await fleetOf(before)).agents;
    assert.ok(agent);
    const state = agent.state === "stopped" ? "Stopped" : "Running";
    const observed = observedOf(
      [instanceOf("a", state, { size: agent.size, mounts: agent.mounts })],
      [claimAsDeclared(agent, { image: null, provisionHash: agent.provision.hash })],
      [runtimeOf("a", { configHash: agent.configHash })],
    );
    const plan = makePlan(await fleetOf(now), observed, policyOf({ actor: "apply" }), NOW);
    assert.deepEqual([plan.changes, plan.held], [[], []]);
  });
