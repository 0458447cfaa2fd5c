/** Checks the service: its file, whether it runs, its last error. */
import { existsSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { isRunning, lastError, readInstalled } from "../service/installed.ts";
import { type Manager, managerOf, type Scope } from "../service/manager.ts";
import type { Check, Finding } from "./check.ts";
import type { DoctorContext } from "./context.ts";

/** One of the two may hang; the other is still reported. */
const ASK_MS = 3000;

export const service: Check<DoctorContext> = {
  name: "service",
  async run(context) {
    const { platform, env } = context;
    const managers = (["user", "system"] as const satisfies readonly Scope[])
      .map((scope) =>
        managerOf({ platform, scope, uid: userInfo().uid, userHome: env.HOME || homedir(), env }),
      )
      .filter((m) => m !== null);
    const findings = await Promise.all(managers.map((manager) => about(manager, context)));
    const found = findings.flat();
    return found.length > 0
      ? found
      : [
          {
            level: "good",
            found: "no service is installed; vm-agent install-service has the hub start by itself",
          },
        ];
  },
};

async function about(manager: Manager, { run, settings }: DoctorContext): Promise<readonly Finding[]> {
  const installed = readInstalled(manager.file);
  if (installed === null) return [];
  const gone = installed.paths.filter((path) => !existsSync(path));
  if (gone.length > 0)
    return [
      {
        level: "bad",
        found: `the service ${manager.file} starts ${gone[0]}, which is gone`,
        next: "vm-agent install-service rewrites it with today's paths",
      },
    ];
  const [runs, said] = await Promise.all([
    isRunning(manager, run, ASK_MS),
    lastError(manager, settings.home, run, ASK_MS),
  ]);
  const log = manager.logWords(settings.home);
  if (!runs)
    return [
      {
        level: "warn",
        found: `the service ${manager.file} does not run${said ? `; it said last: ${said}` : ""}`,
        next: `${log} shows its log; vm-agent install-service starts it again`,
      },
    ];
  return said === null
    ? [{ level: "good", found: `the service runs (${manager.file})` }]
    : [{ level: "warn", found: `the service runs; the last error in its log: ${said}`, next: log }];
}
