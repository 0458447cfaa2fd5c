// The daemon as a client meets it: one call at a time, sometimes away, sometimes wedged.
import { existsSync, rmSync } from "node:fs";
import { DaemonDown, Exit } from "./failure.ts";
import { readJson, writeJson } from "./files.ts";
import { acquire } from "./lock.ts";
import { inState } from "./paths.ts";
import type { Call, CallFault } from "./call.ts";
import { isFrozen, type ProcessMark, sleep } from "./processes.ts";

const lockDir = (): string => inState("daemon");
const busyFile = (): string => inState("daemon", "busy");
const downFile = (): string => inState("daemon", "down");

/** The address must make sense, and be one where we can be reached: there is no socket, so only the default one is. */
export function checkAddress(): void {
  const address = process.env.MULTIPASS_SERVER_ADDRESS;
  if (!address) return;
  if (address.startsWith("unix:")) {
    if (!existsSync(address.slice(5))) throw new DaemonDown();
  } else if (!address.includes(":")) {
    throw new Exit(
      1,
      `[error] [client] Caught an unhandled exception: missing port number in address '${address}'\n`,
    );
  } else {
    throw new DaemonDown();
  }
}

export function openCall(command: string, fault: CallFault | undefined): Call {
  let asked = false;
  return {
    command,
    fault,
    async request(work) {
      checkAddress();
      if (fault && (!asked || fault.fault === "daemon-down")) {
        asked = true;
        const { beforeRequest } = await import("./fault-effects.ts");
        await beforeRequest(fault, command);
      }
      const release = await acquire(lockDir(), { mayEnter });
      try {
        if (isDown()) throw new DaemonDown();
        const result = await work();
        if (fault?.fault === "kill-daemon") dieAfterwards(fault.ms);
        return result;
      } finally {
        release();
      }
    },
  };
}

/** What keeps the daemon busy after its client was killed: a frozen guest that it asked, or a wait that takes until a time. */
type Busy = { readonly guest: ProcessMark } | { readonly until: number };

function mayEnter(names: readonly string[]): boolean {
  if (!names.includes("busy")) return true;
  const busy = readJson<Busy>(busyFile());
  if (busy && ("guest" in busy ? isFrozen(busy.guest) : Date.now() < busy.until)) return false;
  rmSync(busyFile(), { force: true });
  return true;
}

/** From now on the daemon waits for this frozen guest, until it is thawed or killed. */
export function waitForGuest(guest: ProcessMark): void {
  writeJson(busyFile(), { guest } satisfies Busy);
}

/** From now on the daemon does nothing else for some milliseconds. */
export async function waitInVain(ms: number): Promise<void> {
  writeJson(busyFile(), { until: Date.now() + ms } satisfies Busy);
  await sleep(ms);
}

/** The daemon is away for a moment, as after a crash or a change of its settings. */
export function goDown(ms: number): void {
  writeJson(downFile(), { until: Date.now() + ms });
}

/** The work is done, but the client never hears of it. */
export function dieAfterwards(ms: number): never {
  goDown(ms || 1000);
  throw new DaemonDown();
}

function isDown(): boolean {
  const down = readJson<{ readonly until: number }>(downFile());
  return down !== undefined && Date.now() < down.until;
}
