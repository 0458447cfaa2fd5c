/**
 * While the record of owned instances may be damaged, instances are unobservable, so that none is created, changed or
 * removed.
 */
import type { Driver } from "../../drivers/driver.ts";
import { holdsInstances, type Loss } from "../../store/protection/loss.ts";

export function heldBy(driver: Driver, losses: () => readonly Loss[]): Driver {
  return {
    ...driver,
    async list(signal) {
      if (!holdsInstances(losses())) return driver.list(signal);
      return {
        kind: "unobservable",
        reason: "instances are not looked at, because the database may have lost which of them are owned",
        next: "vm-agent audit verify shows what is lost; vm-agent audit acknowledge goes on without it",
      };
    },
  };
}
