/** Whether a hub of this fleet runs, ended without tidying up, or another process controls the fleet. */
import { readHolder } from "../../store/lock.ts";
import { age } from "../output.ts";
import type { Check } from "./check.ts";
import type { Patient } from "./patient.ts";

export const hub: Check<Patient> = {
  name: "hub",
  async run({ settings, hub: find, now }) {
    const found = await find();
    const holder = readHolder(settings.home);
    if (found?.answers)
      return [
        {
          level: "good",
          found: `the hub of this fleet runs since ${age(now() - found.file.startedAt)} (pid ${found.file.pid})`,
        },
      ];
    if (found && isAlive(found.file.pid))
      return [
        {
          level: "warn",
          found: `pid ${found.file.pid} says that it is the hub of this fleet, and does not answer at ${found.file.http}`,
          next: `wait if it has just been started; else end it (kill ${found.file.pid}) and start vm-agent up again: nothing is lost`,
        },
      ];
    if (holder && isAlive(holder.pid))
      return [
        {
          level: "good",
          found: `"${holder.command}" (pid ${holder.pid}) controls this fleet now, and no hub runs`,
        },
      ];
    if (found)
      return [
        {
          level: "good",
          found: `no hub runs; the last one (pid ${found.file.pid}) was killed, the next start tidies up`,
        },
      ];
    return [{ level: "good", found: "no hub runs; vm-agent up starts one" }];
  },
};

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
