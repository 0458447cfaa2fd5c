// Calls that look into running guests get stuck on one that stopped answering, and so does everybody after them.
import { waitForGuest } from "../daemon.ts";
import { type Instance, powerState } from "./instance.ts";
import { isFrozen, sleep } from "../processes.ts";

/** Comes back when every running guest among these answers. */
export async function reach(instances: readonly Instance[]): Promise<void> {
  for (const instance of instances) {
    const guest = instance.boot?.process;
    if (!guest || instance.power !== "on" || !isFrozen(guest) || powerState(instance) === "Stopped") continue;
    waitForGuest(guest);
    while (isFrozen(guest)) await sleep(20);
  }
}
