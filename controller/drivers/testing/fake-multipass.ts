/** The driver over a stand-in executable that behaves as its environment says; for the tests beside this file. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { VmAgentError } from "../../base/errors.ts";
import { createBus, type EventMap } from "../../base/events.ts";
import type { Driver } from "../driver.ts";
import { createMultipassDriver } from "../multipass/multipass.ts";
import { DEADLINES, type Deadlines } from "../multipass/call.ts";
import { FAKE_MULTIPASS } from "./testdata.ts";

export interface Fake {
  readonly driver: Driver;
  readonly events: readonly EventMap["command"][];
  readonly folder: string;
  /** Arguments of each call so far. */
  calls(): readonly (readonly string[])[];
}

/** `env`: see testdata/fake-multipass.sh. */
export function fakeMultipass(
  t: TestContext,
  env: Readonly<Record<string, string>> = {},
  deadlines: Partial<Deadlines> = {},
): Fake {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-driver-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bus = createBus(() => 0);
  const events: EventMap["command"][] = [];
  bus.on("command", (event) => events.push(event));
  const own = { FAKE_ARGV: join(folder, "argv"), FAKE_STEPS: folder, FAKE_PIDS: join(folder, "pids") };
  const driver = createMultipassDriver({
    executable: { file: "/bin/sh", args: [FAKE_MULTIPASS], env: { ...own, ...env } },
    bus,
    deadlines: { ...DEADLINES, look: 10_000, change: 10_000, exec: 10_000, ...deadlines },
  });
  const calls = () =>
    readFileSync(join(folder, "argv"), "utf8")
      .split("\0\0")
      .slice(0, -1)
      .map((call) => call.split("\0"));
  return { driver, events, folder, calls };
}

/** For assert.rejects: a VmAgentError of this code, with a next step. */
export const withCode = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof VmAgentError, String(error));
  assert.equal(error.code, expected, error.message);
  assert.ok(error.next.length > 0);
  return true;
};
