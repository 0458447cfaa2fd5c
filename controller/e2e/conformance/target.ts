/** What the conformance suite runs against: the sandbox, or with MULTIPASS_REAL=1 the Multipass of this machine. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import type { Executable } from "../../drivers/multipass/call.ts";
import { findMultipass, sandboxExecutable } from "../../drivers/select.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface Target {
  readonly real: boolean;
  readonly executable: Executable;
  readonly folder: string;
  /** Every instance that the suite makes has a name that begins so; no other is ever touched. */
  readonly prefix: string;
  readonly image: string | undefined;
  readonly memory: string;
  readonly disk: string;
  /** How long one boot of an instance, provisioned and heard, may take. */
  readonly bootMs: number;
  /** Milliseconds between two looks: a real daemon serves one call after the other, and has better things to do. */
  readonly lookEvery: number;
  /** Removes what earlier runs of this suite left, first of all. */
  readonly clean: boolean;
  /** For vm-agent itself. */
  readonly env: Readonly<Record<string, string>>;
}

/** How the instances of this suite are called, whichever run made them. */
export const MADE_BY_US = /^vmagent-test-[0-9a-f]{6}-(?:contract|a|b|c)$/;

/**
 * VM_AGENT_MULTIPASS: the executable. VM_AGENT_TEST_IMAGE: what is launched. VM_AGENT_TEST_MINUTES: how long one boot may take
 * (10), every deadline follows from it. VM_AGENT_TEST_MEMORY (1G), VM_AGENT_TEST_DISK (8G): of each of the three instances.
 * VM_AGENT_TEST_CLEAN=1: what a run that was killed has left is removed before this one.
 */
export function readTarget(env: Env = process.env): Target {
  const real = env.MULTIPASS_REAL === "1";
  const minutes = Number(env.VM_AGENT_TEST_MINUTES || (real ? 10 : 1));
  assert.ok(minutes > 0 && minutes <= 240, "VM_AGENT_TEST_MINUTES is the minutes that one boot may take");
  const prefix = `vmagent-test-${randomBytes(3).toString("hex")}`;
  // A confined Multipass sees only what is below the home folder and not hidden.
  const folder = mkdtempSync(join(real ? homedir() : tmpdir(), "vm-agent-conformance-"));
  const seconds = Math.ceil(minutes * 60);
  const common = {
    real,
    folder,
    prefix,
    bootMs: minutes * 60_000,
    lookEvery: real ? 2_000 : 50,
    clean: env.VM_AGENT_TEST_CLEAN === "1",
  };
  // Every waiting time of vm-agent follows from that of one boot.
  const patience = {
    VM_AGENT_LAUNCH_TIMEOUT: String(seconds),
    VM_AGENT_READY_TIMEOUT: String(seconds),
    VM_AGENT_BOOT_GRACE: String(2 * seconds),
    VM_AGENT_DEADLINE_LOOK: "60",
    VM_AGENT_DEADLINE_CHANGE: String(Math.max(330, seconds + 30)),
    VM_AGENT_DEADLINE_EXEC: String(Math.max(330, seconds)),
    VM_AGENT_DEADLINE_INSIDE: String(Math.max(20, Math.ceil(seconds / 15))),
  };
  if (!real) {
    const state = { VM_AGENT_SANDBOX_DIR: join(folder, "sandbox") };
    const executable = sandboxExecutable(folder, state);
    const slow = env.VM_AGENT_TEST_MINUTES ? patience : {};
    return {
      ...common,
      executable,
      image: undefined,
      memory: "256M",
      disk: "1G",
      env: { ...slow, ...state },
    };
  }
  const file = env.VM_AGENT_MULTIPASS ? resolve(env.VM_AGENT_MULTIPASS) : findMultipass(env);
  assert.ok(
    file !== null && isAbsolute(file),
    "there is no multipass on PATH; name it by VM_AGENT_MULTIPASS",
  );
  return {
    ...common,
    executable: { file, args: [] },
    image: env.VM_AGENT_TEST_IMAGE || undefined,
    memory: env.VM_AGENT_TEST_MEMORY || "1G",
    disk: env.VM_AGENT_TEST_DISK || "8G",
    env: {
      ...patience,
      VM_AGENT_DRIVER: "multipass",
      VM_AGENT_MULTIPASS: file,
      // What the person set for the machine stays: a firewall may let only this port through.
      ...(env.VM_AGENT_WS_PORT !== undefined && { VM_AGENT_WS_PORT: env.VM_AGENT_WS_PORT }),
    },
  };
}
