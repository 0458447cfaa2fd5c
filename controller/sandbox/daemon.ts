// The daemon as a client meets it: one call at a time, sometimes away, sometimes wedged.
import { existsSync, rmSync } from "node:fs";
import { DaemonDown, unhandled } from "./failure.ts";
import { readJson, writeJson } from "./files.ts";
import { acquire } from "./lock.ts";
import { inState } from "./paths.ts";
import { isFrozen, type ProcessMark } from "./processes.ts";

/** A running command's way to the daemon. */
export interface Call {
  /** The canonical name of the command. */
  readonly command: string;
  /** What a fault rule asked for, if this call was chosen. */
  readonly fault: CallFault | undefined;
  /** Runs one request: alone, after those that came before. */
  request<T>(work: () => T | Promise<T>): Promise<T>;
}

export interface CallFault {
  readonly fault: string;
  readonly ms: number;
  readonly message: string | undefined;
}

const lockDir = (): string => inState("daemon");
const wedgeFile = (): string => inState("daemon", "wedged");
const downFile = (): string => inState("daemon", "down");

/** The address must make sense, and be one where we can be reached: there is no socket, so only the default one is. */
export function checkAddress(): void {
  const address = process.env.MULTIPASS_SERVER_ADDRESS;
  if (!address) return;
  if (address.startsWith("unix:")) {
    if (!existsSync(address.slice(5))) throw new DaemonDown();
  } else if (!address.includes(":")) {
    throw unhandled(`missing port number in address '${address}'`);
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
      if (!asked && fault) {
        asked = true;
        const { beforeRequest } = await import("./fault-effects.ts");
        await beforeRequest(fault);
      }
      const release = await acquire(lockDir(), { mayEnter });
      try {
        if (isDown()) throw new DaemonDown();
        return await work();
      } finally {
        release();
      }
    },
  };
}

/** A guest that stopped answering holds up everybody, until somebody thaws or kills it. */
function mayEnter(names: readonly string[]): boolean {
  if (!names.includes("wedged")) return true;
  const guest = readJson<ProcessMark>(wedgeFile());
  if (guest && isFrozen(guest)) return false;
  rmSync(wedgeFile(), { force: true });
  return true;
}

/** From now on the daemon waits for this frozen guest, whatever becomes of the client that made it ask. */
export function wedge(guest: ProcessMark): void {
  writeJson(wedgeFile(), guest);
}

/** The daemon is away for a moment, as after a crash or a change of its settings. */
export function goDown(ms: number): void {
  writeJson(downFile(), { until: Date.now() + ms });
}

function isDown(): boolean {
  const down = readJson<{ readonly until: number }>(downFile());
  return down !== undefined && Date.now() < down.until;
}
