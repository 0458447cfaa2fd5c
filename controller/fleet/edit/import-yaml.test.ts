/** What import writes is read back by the fleet loader as exactly what was seen. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { instanceOf } from "../../core/testing/build.ts";
import { loadFleet } from "../source.ts";
import { type Reading, importedYaml } from "./import-yaml.ts";

const G = 1024 ** 3;
const reading: Reading = {
  instance: instanceOf("pet", "Running", { release: "Ubuntu 24.04 LTS" }),
  size: { cpu: 3, memory: 1.5 * G, disk: 5 * G },
  snapshots: [],
  mounts: null,
};

async function loaded(text: string) {
  const folder = await mkdtemp(join(tmpdir(), "vm-agent-import-"));
  try {
    await writeFile(join(folder, "pet.yaml"), text);
    const read = await loadFleet(folder);
    assert.ok(read.ok, `${text}\n${JSON.stringify(read)}`);
    return read.desired;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a running instance: its image, its size, its state, and protected", async () => {
  const text = importedYaml(reading, "2026-11-22");
  assert.match(text, /^# Imported on 2026-11-22 from the Multipass instance "pet" \(Ubuntu 24\.04 LTS\)/);
  assert.match(text, /# Its mounts were not read/);
  const [agent] = (await loaded(text)).agents;
  assert.deepEqual(
    [agent?.name, agent?.image, agent?.size, agent?.state, agent?.protect, agent?.mounts],
    ["pet", "24.04", reading.size, "running", true, []],
  );
});

test("a stopped instance: its mounts and its snapshots, whatever their names and comments are", async () => {
  const mounts = [{ source: "/home/a b/work: #1", target: "/mnt/work" }];
  const snapshots = [
    { name: "clean", parent: "", comment: "" },
    { name: "snapshot1", parent: "clean", comment: 'as it was: "good" # really' },
  ];
  const instance = instanceOf("pet", "Stopped", { release: "Not Available" });
  const text = importedYaml({ ...reading, instance, mounts, snapshots }, "2026-11-22");
  const { agents, snapshots: wanted } = await loaded(text);
  assert.equal(agents[0]?.image, undefined);
  assert.equal(agents[0]?.state, "stopped");
  assert.deepEqual(agents[0]?.mounts, mounts);
  assert.deepEqual(
    wanted.map((s) => [s.name, s.agent, s.comment]),
    snapshots.map((s) => [s.name, "pet", s.comment]),
  );
});
