import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { FleetDocument } from "../../schemas/types.ts";
import { packageRoot } from "../base/paths.ts";
import {
  createResolveMemo,
  type FleetDocuments,
  mergeProfile,
  type PreparedAgent,
  type PreparedProfile,
  resolveFleet,
  type Sourced,
} from "./desired.ts";
import {
  AGENT_DEFAULTS,
  canonicalJson,
  FLEET_DEFAULTS,
  parseDuration,
  parseSize,
  resolveSettings,
  SNAPSHOT_DEFAULTS,
} from "./desired-values.ts";

const sha256 = (text: string) => hash("sha256", text);
let line = 0;
const at = <T>(value: T): Sourced<T> => ({ value, source: { file: "a.yaml", line: ++line, column: 1 } });
const agent = (name: string, fields: object = {}) => at({ kind: "Agent", name, ...fields } as PreparedAgent);
const fleet = (documents: Partial<FleetDocuments>): FleetDocuments => ({
  agents: [],
  profiles: [],
  snapshots: [],
  fleet: null,
  ...documents,
});
const resolve = (documents: Partial<FleetDocuments>) => resolveFleet(fleet(documents), sha256).desired;

test("sizes are 1024-based, durations milliseconds", () => {
  const sizes = ["4G", "512M", "1.5G", "1k", "10KiB", "7B", "1234", 99].map(parseSize);
  assert.deepEqual(sizes, [4 * 1024 ** 3, 512 * 1024 ** 2, 1.5 * 1024 ** 3, 1024, 10240, 7, 1234, 99]);
  assert.deepEqual(
    ["250ms", "30s", "1.5m", "1h", "2d"].map(parseDuration),
    [250, 30_000, 90_000, 3_600_000, 172_800_000],
  );
});

test("the defaults are those of the schemas", () => {
  const schema = (kind: string) =>
    JSON.parse(readFileSync(join(packageRoot(), "schemas", `${kind}.schema.json`), "utf8"));
  const a = schema("agent").properties;
  for (const field of ["type", "cpu", "memory", "disk", "state"] as const)
    assert.equal(AGENT_DEFAULTS[field], a[field].default);
  assert.equal(AGENT_DEFAULTS.onChange, a.provision.properties.onChange.default);
  for (const [block, values] of Object.entries({
    tasks: AGENT_DEFAULTS.tasks,
    health: AGENT_DEFAULTS.health,
  })) {
    for (const [field, value] of Object.entries(values))
      assert.deepEqual(value, a[block].properties[field].default);
  }
  const s = schema("snapshot").properties;
  for (const [field, value] of Object.entries(SNAPSHOT_DEFAULTS)) assert.equal(value, s[field].default);
  const f = schema("fleet").properties;
  for (const [field, value] of Object.entries(FLEET_DEFAULTS)) {
    if (typeof value !== "object") assert.equal(value, f[field].default, field);
    else
      for (const [inner, item] of Object.entries(value))
        assert.equal(item, f[field].properties[inner].default, inner);
  }
  assert.deepEqual(resolveSettings(undefined), resolveSettings({ kind: "Fleet" }));
});

test("a profile lies under the document: objects merge, lists and values are replaced", () => {
  const profile = {
    kind: "Profile",
    name: "p",
    cpu: 8,
    capabilities: ["a", "b"],
    env: { A: "profile", B: "profile" },
    secrets: { K: { fromFile: "/k" }, L: { fromEnv: "L" } },
    provision: { packages: ["git"], cloudInit: { a: 1 } },
  } as PreparedProfile;
  const { value } = agent("x", {
    profile: "p",
    capabilities: ["c"],
    env: { B: "own" },
    secrets: { K: { fromEnv: "K" } },
    provision: { run: ["ls"], cloudInit: { b: 2 } },
  });
  assert.deepEqual(mergeProfile(value, profile), {
    kind: "Agent",
    name: "x",
    profile: "p",
    cpu: 8,
    capabilities: ["c"],
    env: { A: "profile", B: "own" },
    secrets: { K: { fromEnv: "K" }, L: { fromEnv: "L" } },
    provision: { packages: ["git"], run: ["ls"], cloudInit: { b: 2 } },
  });
});

test("replicas are numbered, and who depends on them waits for all", () => {
  const { agents } = resolve({
    agents: [
      agent("worker", { replicas: 2 }),
      agent("one", { replicas: 1 }),
      agent("web", { dependsOn: ["worker", "one"] }),
      agent("last", { dependsOn: ["worker-2"] }),
    ],
  });
  assert.deepEqual(
    agents.map(({ name, document }) => [name, document]),
    [
      ["last", "last"],
      ["one", "one"],
      ["web", "web"],
      ["worker-1", "worker"],
      ["worker-2", "worker"],
    ],
  );
  assert.deepEqual(agents[2]?.dependsOn, ["worker-1", "worker-2", "one"]);
  assert.deepEqual(agents[0]?.dependsOn, ["worker-2"]);
});

test("a selector gives each match a snapshot", () => {
  const { snapshots } = resolve({
    agents: [
      agent("a", { type: "builder", labels: { team: "web" } }),
      agent("b", { type: "builder" }),
      agent("c", { type: "tester", labels: { team: "web" } }),
    ],
    snapshots: [
      at({ kind: "Snapshot", name: "clean", selector: { type: "builder" } } as const),
      at({
        kind: "Snapshot",
        name: "night",
        selector: { labels: { team: "web" } },
        schedule: "0 3 * * *",
      } as const),
    ],
  });
  assert.deepEqual(
    snapshots.map(({ agent: of, name, keep }) => [of, name, keep]),
    [
      ["a", "clean", undefined],
      ["a", "night", 7],
      ["b", "clean", undefined],
      ["c", "night", 7],
    ],
  );
});

test("the hash follows the meaning and nothing else", () => {
  const one = resolve({ agents: [agent("a", { env: { A: "1", B: "2" } })] });
  const moved = resolve({ agents: [agent("a", { env: { B: "2", A: "1" }, memory: "4096M", cpu: 2 })] });
  assert.equal(one.hash, moved.hash);
  assert.deepEqual({ ...one.agents[0], source: null }, { ...moved.agents[0], source: null });
  const other = resolve({ agents: [agent("a", { env: { A: "1", B: "3" } })] });
  assert.notEqual(one.hash, other.hash);
  assert.notEqual(one.agents[0]?.configHash, other.agents[0]?.configHash);
  assert.equal(one.agents[0]?.provision.hash, other.agents[0]?.provision.hash);
  const settings = resolve({
    agents: [agent("a", { env: { A: "1", B: "2" } })],
    fleet: at({ kind: "Fleet", prune: true } as FleetDocument),
  });
  assert.notEqual(one.hash, settings.hash);
});

const anyAgent = fc.record(
  {
    type: fc.constantFrom("builder", "tester"),
    cpu: fc.integer({ min: 1, max: 8 }),
    memory: fc.constantFrom("4G", "512M", 2 ** 31),
    replicas: fc.integer({ min: 1, max: 3 }),
    labels: fc.dictionary(fc.constantFrom("team", "tier", "__proto__"), fc.string({ maxLength: 5 }), {
      noNullPrototype: true,
    }),
    env: fc.dictionary(fc.constantFrom("A", "B", "C"), fc.string({ maxLength: 5 }), {
      noNullPrototype: true,
    }),
    profile: fc.constantFrom("p", "q"),
    dependsOn: fc.uniqueArray(fc.constantFrom("a0", "a1", "a2")),
    provision: fc.record(
      { run: fc.array(fc.constant("ls")), onChange: fc.constantFrom("hold", "rerun") },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

test("the order of documents and of keys never matters", () => {
  const shuffleKeys = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([key, item]) => [key, shuffleKeys(item)]),
        )
      : value;
  fc.assert(
    fc.property(
      fc.array(anyAgent, { minLength: 1, maxLength: 5 }),
      fc.array(anyAgent, { maxLength: 2 }),
      fc.infiniteStream(fc.nat(99)),
      (bodies, under, random) => {
        const agents = bodies.map((body, index) => agent(`a${index}`, body));
        const profiles = under.map(({ replicas: _r, profile: _p, ...body }, index) =>
          at({ kind: "Profile", name: ["p", "q"][index] ?? "", ...body } as PreparedProfile),
        );
        const snapshots = [
          at({ kind: "Snapshot", name: "clean", selector: { type: "builder" } } as const),
          at({ kind: "Snapshot", name: "all", selector: { labels: { team: "x" } } } as const),
        ];
        const shuffled = <T>(list: readonly T[]) =>
          list
            .map((item) => [random.next().value, item] as const)
            .sort(([a], [b]) => a - b)
            .map(([, item]) => item);
        const memo = createResolveMemo();
        const first = resolveFleet(fleet({ agents, profiles, snapshots }), sha256, memo).desired;
        const mixed = {
          agents: shuffled(agents),
          profiles: shuffled(profiles),
          snapshots: shuffled(snapshots),
        };
        assert.deepEqual(resolveFleet(fleet(mixed), sha256, memo).desired, first);
        const turned = agents.map(({ value, source }) => ({
          value: shuffleKeys(value) as PreparedAgent,
          source,
        }));
        assert.deepEqual(resolveFleet(fleet({ ...mixed, agents: turned }), sha256).desired, first);
      },
    ),
    { numRuns: 500 },
  );
});

test("canonical JSON round-trips and ignores the order of keys", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const plain = JSON.parse(JSON.stringify(value));
      assert.deepEqual(JSON.parse(canonicalJson(plain)), plain);
    }),
    { numRuns: 500 },
  );
});
