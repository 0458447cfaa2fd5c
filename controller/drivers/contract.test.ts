/** The driver contract against the sandbox, and with MULTIPASS_REAL=1 against the Multipass of this machine. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createBus } from "../base/events.ts";
import { packageRoot } from "../base/paths.ts";
import { DRIVER_CONTRACT, type World } from "./contract.ts";
import { createMultipassDriver } from "./multipass.ts";
import type { Executable } from "./multipass-call.ts";
import { findMultipass } from "./select.ts";

const SANDBOX = join(packageRoot(), "dist", "controller", "sandbox", "main.js");
const real = process.env.MULTIPASS_REAL === "1";

function driverOf(executable: Executable) {
  return createMultipassDriver({ executable, bus: createBus(Date.now) });
}

async function runTable(t: TestContext, world: World, folder: string): Promise<void> {
  t.after(async () => {
    await world.driver.remove(world.name);
    rmSync(folder, { recursive: true, force: true });
  });
  for (const row of DRIVER_CONTRACT) {
    let passed = false;
    await t.test(row.behaviour, async () => {
      await row.check(world);
      passed = true;
    });
    // Rows rely on the rows before them.
    if (!passed) return;
  }
}

test("the sandbox", { skip: !existsSync(SANDBOX) && "it is not built" }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-contract-"));
  const executable = {
    file: process.execPath,
    args: [SANDBOX],
    env: { VM_AGENT_SANDBOX_DIR: join(folder, "state") },
  };
  const driver = driverOf(executable);
  assert.equal((await driver.info()).sandbox, true);
  const userData = "#cloud-config\n{}\n";
  await runTable(t, { driver, name: "contract", userData, launchSeconds: 30, folder }, folder);
});

test("the real Multipass", { skip: !real && "set MULTIPASS_REAL=1" }, async (t) => {
  const file = process.env.VM_AGENT_MULTIPASS || findMultipass(process.env);
  assert.ok(file, "there is no multipass on PATH");
  // A confined Multipass sees only the home folder.
  const folder = mkdtempSync(join(homedir(), "vm-agent-contract-"));
  const name = `contract-${process.pid}`;
  const userData = "#cloud-config\n{}\n";
  await runTable(
    t,
    { driver: driverOf({ file, args: [] }), name, userData, launchSeconds: 900, folder },
    folder,
  );
});
