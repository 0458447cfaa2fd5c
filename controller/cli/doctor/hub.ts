/** Checks whether a hub of this fleet runs, crashed, or another process controls the fleet. */
import { currentHolder, isLocked } from "../../store/lock.ts";
import { age } from "../output/output.ts";
import type { Check } from "./check.ts";
import type { DoctorContext } from "./context.ts";

export const hub: Check<DoctorContext> = {
  name: "hub",
  async run({ settings, hub: find, now }) {
    const found = await find();
    if (found?.answers)
      return [
        {
          level: "good",
          found: `the hub of this fleet runs since ${age(now() - found.file.startedAt)} (pid ${found.file.pid})`,
        },
      ];
    // Files left by a power cut name process ids that may belong to others by now: only the lock shows what runs.
    const holder = currentHolder(settings.home);
    if (holder && found?.file.pid === holder.pid)
      return [
        {
          level: "warn",
          found: `"${holder.command}" (pid ${holder.pid}) controls this fleet and does not answer at ${found.file.http}`,
          next: `wait if it has just been started; otherwise end it (kill ${holder.pid}) and start vm-agent up again: nothing is lost`,
        },
      ];
    if (holder)
      return [
        {
          level: "good",
          found: `"${holder.command}" (pid ${holder.pid}) controls this fleet now, and no hub answers`,
        },
      ];
    if (isLocked(settings.home))
      return [{ level: "good", found: "another vm-agent controls this fleet now, and no hub answers" }];
    if (found)
      return [
        {
          level: "good",
          found: "no hub runs; the last one was killed or lost its power, the next start cleans up",
        },
      ];
    return [{ level: "good", found: "no hub runs; vm-agent up starts one" }];
  },
};
