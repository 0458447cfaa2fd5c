/** The same image under another name keeps the instance; what cannot be compared is held, with the words that release it. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Plan } from "../../core/types.ts";
import type { FleetView } from "../../../ui/client/types.ts";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const LONG = 120_000;
const agent = (name: string, more = "") =>
  `kind: Agent\nname: ${name}\ncpu: 1\nmemory: 256M\ndisk: 1G\n${more}`;

describe("the image of an instance under another name", { timeout: 400_000 }, () => {
  let fixture: Fixture;
  let faults: string;

  const named = (image: string | null) =>
    fixture.write("named.yaml", agent("agent-named", image === null ? "" : `image: "${image}"\n`));
  const fromFile = (path: string) =>
    fixture.write("file.yaml", agent("agent-file", `state: stopped\nimage: "file://${path}"\n`));
  const plan = async (...args: readonly string[]): Promise<Plan> => {
    const { code, stdout, stderr } = await fixture.cli("plan", "--json", ...args);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Plan;
  };
  const short = ({ changes, held }: Plan) => [
    ...changes.map((c) => `${c.action} ${c.agent}`),
    ...held.map((h) => `${h.reason} ${h.agent}`),
  ];
  const calls = async (command: string) =>
    (await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8"))
      .split("\n")
      .filter((line) => line.includes(`"${command}"`)).length;
  const mark = () => fixture.multipass("exec", "agent-named", "--", "sh", "-c", "echo kept > ~/mark");
  const isKept = async () =>
    (await fixture.multipass("exec", "agent-named", "--", "sh", "-c", "cat ~/mark")).stdout.trim() === "kept";
  const script = (rules: readonly unknown[]) => writeFile(faults, JSON.stringify({ rules }));

  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings() });
    faults = join(fixture.folder, "faults.json");
    const images = join(fixture.folder, "images");
    await mkdir(images);
    for (const [name, text] of Object.entries({ "a.img": "one", "copy.img": "one", "b.img": "two" }))
      await writeFile(join(images, name), text);
    await named(null);
    await fromFile(join(images, "a.img"));
    const { code, stdout, stderr } = await fixture.cli("apply", "--yes");
    assert.equal(code, 0, stdout + stderr);
    await mark();
  });
  after(() => fixture.close());

  it("names of one release are no change, and apply leaves the disk", async () => {
    const removed = await calls("delete");
    for (const name of ["24.04", "noble", "lts", "release:24.04", "ubuntu", "default"]) {
      await named(name);
      assert.deepEqual(short(await plan()), [], name);
      const { code, stdout } = await fixture.cli("apply", "--yes");
      assert.equal(code, 0, stdout);
    }
    assert.equal(await calls("delete"), removed);
    assert.ok(await isKept());
  });

  it("another release is a replacement, and a name that no image has is held", async () => {
    await named("22.04");
    assert.deepEqual(short(await plan()), ["replace agent-named"]);
    await named("nonesuch");
    const found = await plan();
    assert.deepEqual(short(found), ["image-unknown agent-named"]);
    assert.match(found.held[0]?.message ?? "", /knows no image "nonesuch"/);
    assert.match(found.held[0]?.release ?? "", /multipass find.*--allow-delete agent-named/);
  });

  it("without a network it is held, whoever asks; a person releases it by name", async () => {
    await script([{ command: "find", fault: "offline" }]);
    const offline = { VM_AGENT_SANDBOX_FAULTS: faults };
    await named("jammy");
    const { code, stdout, stderr } = await fixture.cliWith(offline, "apply", "--yes");
    assert.equal(code, 3, stdout + stderr);
    assert.match(
      stdout.replaceAll(/\s+/g, " "),
      /not known: multipass find jammy.*: failed to download from/,
    );
    assert.ok(await isKept());
    const released = await fixture.cliWith(offline, "plan", "--json", "--allow-delete", "agent-named");
    assert.deepEqual(short(JSON.parse(released.stdout) as Plan), ["replace agent-named"]);
  });

  it("a file is the same under another path to it, and as a copy; other contents are another image", async () => {
    await named(null);
    const folder = join(fixture.folder, "images");
    for (const path of [`${folder}/./a.img`, `${folder}//a.img`, `${folder}/copy.img`]) {
      await fromFile(path);
      assert.deepEqual(short(await plan()), [], path);
    }
    await fromFile(join(folder, "b.img"));
    assert.deepEqual(short(await plan()), ["replace agent-file"]);
    await fromFile(join(folder, "gone.img"));
    assert.deepEqual(short(await plan()), ["image-unknown agent-file"]);
    await fromFile(join(folder, "a.img"));
  });

  it("the loop asks once, records the new name, and replaces nothing that turns out to be the same just before", async () => {
    const up: Up = await fixture.up({ VM_AGENT_SANDBOX_FAULTS: faults });
    await script([{ command: "find", fault: "offline" }]);
    const view = async () =>
      (await up.api.get<FleetView>("/fleet")).agents.find((a) => a.name === "agent-named");
    await named("24.04");
    await until(
      "it is held",
      async () => (await view())?.held.some((h) => h.reason === "image-unknown"),
      LONG,
    );
    await script([]);
    await up.api.post("/reconcile", { names: ["agent-named"] });
    await until("it is in sync", async () => (await view())?.sync === "Synced", LONG);
    const asked = await calls("find");
    await up.api.post("/reconcile", {});
    const turns = (await up.api.get<FleetView>("/fleet")).turns;
    await until(
      "it looked again",
      async () => (await up.api.get<FleetView>("/fleet")).turns > turns + 1,
      LONG,
    );
    assert.equal(await calls("find"), asked);
    assert.ok(await isKept());
    await up.end();
  });
});
