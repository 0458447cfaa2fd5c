// Switching an instance on and off, as the daemon does it while it holds its lock.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { waitInVain } from "../daemon.ts";
import { duration } from "../frontend/durations.ts";
import { Refusal } from "../failure.ts";
import {
  type Boot,
  type Broken,
  bootReport,
  type Instance,
  powerState,
  update,
} from "../instances/instance.ts";
import { instanceDir, program } from "../paths.ts";
import { lives, markOf, sleep } from "../processes.ts";
import { freeze, killAll, powerDown, thaw } from "./members.ts";

export interface BootOrder {
  readonly kind: Boot["kind"];
  /** Milliseconds. */
  readonly patience: number;
  readonly fault?: NonNullable<Boot["fault"]>;
  readonly delay?: number;
  readonly broken?: Broken;
}

/** Starts the instance's init in a session of its own and saves the record that it waits for. */
export function switchOn(instance: Instance, order: BootOrder): Instance {
  if (instance.boot) killAll(instance.boot);
  const id = randomUUID();
  const directory = instanceDir(instance.name);
  mkdirSync(directory, { recursive: true });
  const log = openSync(join(directory, "init.log"), "a");
  const child = spawn(process.execPath, [program(import.meta.dirname, "init"), instance.name, id], {
    cwd: directory,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  if (child.pid === undefined) throw new Refusal("cannot start a process for the instance");
  child.unref();
  const boot: Boot = {
    id,
    process: markOf(child.pid),
    kind: order.kind,
    patience: order.patience,
    ...(order.fault ? { fault: order.fault } : {}),
    ...(order.delay ? { delay: order.delay } : {}),
  };
  const broken = order.broken ? { broken: order.broken } : {};
  return update(instance, { power: "on", boot, shutdownAt: null, ...broken });
}

/** A normal stop: the guest shuts its services down; what is left then is killed. */
export async function switchOff(instance: Instance): Promise<Instance> {
  const { boot } = instance;
  if (boot && lives(boot.process)) {
    const ignores = powerState(instance) === "Unknown" && bootReport(instance)?.up !== true;
    if (ignores) {
      await waitInVain(duration("ignoredPowerdown"));
      throw new Refusal(NOT_FINISHED);
    }
    if (!(await powerDown(boot, duration("powerdown"), sleep))) throw new Refusal(NOT_FINISHED);
  }
  return pullPlug(instance);
}

const NOT_FINISHED = "The QEMU process did not finish within 300000 milliseconds after being shutdown";

/** Kills whatever runs and drops a suspended state. */
export function pullPlug(instance: Instance): Instance {
  if (instance.boot) killAll(instance.boot);
  return update(instance, { power: "off", boot: null, shutdownAt: null });
}

export function suspend(instance: Instance): Instance {
  if (instance.boot) freeze(instance.boot);
  return update(instance, { power: "suspended", shutdownAt: null });
}

export function resume(instance: Instance): Instance {
  const next = update(instance, { power: "on" });
  if (instance.boot) thaw(instance.boot);
  return next;
}
