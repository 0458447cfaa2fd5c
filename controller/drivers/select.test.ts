/** select.ts on machines of every kind: which executable is taken, and when that is refused. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { VmAgentError } from "../base/errors.ts";
import { createBus } from "../base/events.ts";
import { packageRoot } from "../base/paths.ts";
import { DEADLINES } from "./multipass/call.ts";
import { findMultipass, type SelectDeps, selectDriver } from "./select.ts";

const built = existsSync(join(packageRoot(), "dist", "controller", "sandbox", "main.js"));

/** A machine whose `multipass` answers `version` and `list` with these lines of sh; null: none. */
function machine(
  t: TestContext,
  script: string | null,
): SelectDeps & { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-select-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "multipass");
  if (script !== null) {
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }
  const deadlines = { ...DEADLINES, look: 3000 };
  return { folder, file, bus: createBus(() => 0), env: { PATH: folder }, usualPlaces: [], deadlines };
}

const settings = { driver: null, multipass: null, home: "/home/x/.vm-agent" };
const ANSWERS = `echo '{"multipass":"1.16.3","multipassd":"1.16.3"}'`;
const SILENT = `[ "$1" = version ] && { echo '{"multipass":"1.16.3"}'; exit 0; }`;

const refusal = (code: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof VmAgentError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(`${error.message} | ${error.next}`, words);
  assert.equal(error.exit, 69);
  return true;
};

test("auto takes a Multipass that answers, and says so", async (t) => {
  const deps = machine(t, ANSWERS);
  const { kind, executable, reason } = await selectDriver(settings, null, deps);
  assert.deepEqual([kind, executable], ["multipass", { file: deps.file, args: [] }]);
  assert.match(reason, /multipass: .*answering/);
});

test("auto refuses a Multipass that is there but down, denies or is broken, and names the sandbox as a choice", async (t) => {
  const down = machine(
    t,
    `${SILENT}\necho 'list failed: cannot connect to the multipass socket' >&2; exit 2`,
  );
  await assert.rejects(
    selectDriver(settings, "auto", down),
    refusal("driver-unreachable", /cannot connect.*driver sandbox/s),
  );
  const denies = machine(
    t,
    `${SILENT}\necho 'list failed: The client is not authenticated with the Multipass service.' >&2; exit 2`,
  );
  await assert.rejects(
    selectDriver(settings, "auto", denies),
    refusal("driver-unreachable", /authenticate.*driver sandbox/s),
  );
  await assert.rejects(
    selectDriver(settings, "auto", machine(t, "echo '{'")),
    refusal("driver-unreachable", /sandbox/),
  );
});

test("auto refuses a Multipass that hangs", async (t) => {
  const deps = { ...machine(t, "exec sleep 100"), deadlines: { ...DEADLINES, look: 200 } };
  await assert.rejects(
    selectDriver(settings, null, deps),
    refusal("driver-unreachable", /does not answer.*driver sandbox/s),
  );
});

test("auto without Multipass: the sandbox, unless the fleet's instances live in Multipass", async (t) => {
  const deps = machine(t, null);
  await assert.rejects(
    selectDriver(settings, null, { ...deps, claimed: "multipass" }),
    refusal("driver-missing", /live in Multipass/),
  );
  if (!built) return t.diagnostic("the sandbox is not built");
  const { kind, executable, reason } = await selectDriver(settings, null, deps);
  assert.deepEqual(
    [kind, executable.file, executable.env],
    ["sandbox", process.execPath, { VM_AGENT_SANDBOX_DIR: "/home/x/.vm-agent/sandbox" }],
  );
  assert.match(reason, /sandbox \(not virtual machines\): there is no multipass on PATH/);
});

test("a fleet that lives in the sandbox stays there when Multipass gets installed", {
  skip: !built,
}, async (t) => {
  const { kind } = await selectDriver(settings, "auto", { ...machine(t, ANSWERS), claimed: "sandbox" });
  assert.equal(kind, "sandbox");
});

test("the sandbox by name, with its own folder", { skip: !built }, async (t) => {
  const deps = machine(t, ANSWERS);
  const env = { ...deps.env, VM_AGENT_SANDBOX_DIR: "/elsewhere" };
  const chosen = await selectDriver({ ...settings, driver: "sandbox", multipass: "/x" }, "multipass", {
    ...deps,
    env,
  });
  assert.deepEqual([chosen.kind, chosen.executable.env], ["sandbox", { VM_AGENT_SANDBOX_DIR: "/elsewhere" }]);
});

test("Multipass by name is not asked first, and is missed where it is missing", async (t) => {
  const deps = machine(t, "exit 1");
  assert.equal((await selectDriver(settings, "multipass", deps)).executable.file, deps.file);
  await assert.rejects(
    selectDriver(settings, "multipass", machine(t, null)),
    refusal("driver-missing", /PATH.*install/s),
  );
  await assert.rejects(
    selectDriver({ ...settings, driver: "multipass" }, "sandbox", machine(t, null)),
    refusal("driver-missing", /PATH/),
  );
});

test("VM_AGENT_MULTIPASS goes before the fleet and before PATH", async (t) => {
  const { kind, executable, reason } = await selectDriver(
    { ...settings, multipass: "/opt/mp" },
    "sandbox",
    machine(t, ANSWERS),
  );
  assert.deepEqual([kind, executable.file], ["multipass", "/opt/mp"]);
  assert.match(reason, /VM_AGENT_MULTIPASS/);
});

test("the search passes over folders and files that cannot be executed, and ends in the usual places", (t) => {
  const { folder, file } = machine(t, ANSWERS);
  const decoy = join(folder, "decoy");
  mkdirSync(join(decoy, "multipass"), { recursive: true });
  const plain = join(folder, "plain");
  mkdirSync(plain);
  writeFileSync(join(plain, "multipass"), "");
  assert.equal(findMultipass({ PATH: `${decoy}::${plain}:${folder}` }, []), file);
  assert.equal(findMultipass({}, [folder]), file);
  assert.equal(findMultipass({ PATH: decoy }, []), null);
});
