/** Secrets from outside: a value that rotates reaches the runtime by itself, one that cannot be read stays, and none is on disk. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
/** What a task may print: the value itself is masked, and its plain hash is what nothing may hold. */
const salted = (value: string) => sha256(`salt ${value}`);

const FILE = ["first-value-of-the-file", "second-value-of-the-file", "third-value-of-the-file"] as const;
const ENV = ["first-value-of-the-variable", "second-value-of-the-variable"] as const;

const agent = (key: string, colour: string) => `kind: Agent
name: keeper
cpu: 1
memory: 256M
disk: 1G
env: {COLOUR: ${colour}}
secrets: {KEY: {fromFile: ${key}}, TOKEN: {fromEnv: E2E_TOKEN}}
`;

const PRINT = `for v in "$KEY" "$TOKEN"; do printf 'salt %s' "$v" | sha256sum | cut -c1-64; done; echo "$COLOUR"`;

describe("secrets that rotate", () => {
  let fixture: Fixture;
  let up: Up;
  let key: string;
  let printed = "";
  const seen = async () => {
    const task = await fixture.cli("task", "keeper", JSON.stringify({ type: "exec", command: PRINT }));
    assert.equal(task.code, 0, task.stderr);
    return task.stdout.trim().split("\n");
  };
  const has = (file: string, variable: string, colour: string) => async () =>
    (await seen()).join() === [salted(file), salted(variable), colour].join();
  const view = async () => (await up.api.get<FleetView>("/fleet")).agents.find((a) => a.name === "keeper");
  const online = () =>
    until("its runtime is online", async () => (await view())?.runtime?.status === "online");
  const restart = async (env: Readonly<Record<string, string>>) => {
    printed += up.output();
    await up.end();
    up = await fixture.up(env);
    await online();
  };

  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings() });
    key = join(fixture.folder, "key");
    writeFileSync(key, `${FILE[0]}\n`);
    await fixture.write("keeper.yaml", agent(key, "red"));
    up = await fixture.up({ E2E_TOKEN: ENV[0] });
    await until("it is in sync", async () => (await view())?.sync === "Synced" && online());
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  it("the new value of a file is there without anything else having changed, and the plan stays empty", async () => {
    assert.ok(await has(FILE[0], ENV[0], "red")());
    writeFileSync(key, `${FILE[1]}\n`);
    await until("the task has the new value", has(FILE[1], ENV[0], "red"));
    const plan = await fixture.cli("plan", "--detailed-exitcode");
    assert.equal(plan.code, 0, plan.stdout);
    const { entries } = await up.api.get<{ entries: readonly { action: string; subject: string }[] }>(
      "/audit",
    );
    assert.ok(entries.some((e) => e.action === "secret.rotated" && e.subject === "keeper"));
    await until("the person sees it", () =>
      /keeper.*new value of KEY, pushed to its runtime/.test(up.output()),
    );
  });

  it("one that cannot be read is held, says what to do, and its old value stays in force", async () => {
    rmSync(key);
    const held = await until("it is held", async () => {
      const found = await view();
      return found?.sync === "Held" ? found : null;
    });
    assert.match(held.held[0]?.message ?? "", /secret KEY of keeper: cannot read .*key; its former value/);
    assert.match(held.conditions.find((c) => c.type === "Stalled")?.message ?? "", /release: write .*key/);
    const plan = await fixture.cli("plan", "--detailed-exitcode");
    assert.equal(plan.code, 3, plan.stdout);
    assert.match(plan.stdout, /cannot read .*0 to change, 0 to destroy, 1 held\./s);
    assert.ok(await has(FILE[1], ENV[0], "red")());
  });

  it("a controller that starts without any of them leaves both to the runtime, also when the document is edited", async () => {
    await restart({});
    await fixture.write("keeper.yaml", agent(key, "blue"));
    await until("the edit arrived, and both values are as they were", has(FILE[1], ENV[0], "blue"));
    assert.equal((await view())?.held.length, 2);
  });

  it("what can be read again is taken: the file by itself, the variable with the next start", async () => {
    writeFileSync(key, FILE[2]);
    await until("the task has the file's value", has(FILE[2], ENV[0], "blue"));
    await restart({ E2E_TOKEN: ENV[1] });
    await until("the task has the variable's value", has(FILE[2], ENV[1], "blue"));
    await until("nothing is held", async () => (await view())?.sync === "Synced");
  });

  it("neither a value nor its plain hash is in the state folder, in the guest, or in what was printed", async () => {
    printed += up.output();
    const words = [...FILE, ...ENV].flatMap((v) => [v, sha256(v), Buffer.from(v).toString("base64")]);
    for (const entry of readdirSync(fixture.home, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const text = readFileSync(join(entry.parentPath, entry.name), "latin1");
      for (const word of words) assert.ok(!text.includes(word), `${entry.parentPath}/${entry.name}: ${word}`);
    }
    for (const word of words) assert.ok(!printed.includes(word), `printed: ${word}`);
  });
});
