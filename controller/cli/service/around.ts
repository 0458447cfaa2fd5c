/** The kind of service: the user's own, or the system's for one user. */
import { homedir, userInfo } from "node:os";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import type { EnvRecord } from "../../base/env.ts";
import { type Manager, type Scope, managerOf } from "./manager.ts";

export interface Who {
  readonly manager: Manager;
  /** The user of a system service; undefined for a user's own. */
  readonly user?: string;
  readonly uid: number;
  readonly name: string;
}

/** Root has no service manager of its own on most machines, so the system's is used. */
export function whose(
  options: Readonly<Record<string, unknown>>,
  env: EnvRecord,
  platform: NodeJS.Platform = process.platform,
): Who {
  if (options.user && options.system)
    throw new VmAgentError({
      code: "usage",
      message: "--user and --system are both given",
      next: "choose one: a service of your own, or one of the system",
      exit: EXIT.usage,
    });
  const { username, uid } = userInfo();
  const scope: Scope = options.system || (!options.user && uid === 0) ? "system" : "user";
  const manager = managerOf({ platform, scope, uid, userHome: env.HOME || homedir(), env });
  if (manager === null)
    throw new VmAgentError({
      code: "service-unknown",
      message: `vm-agent knows no service manager of ${platform}`,
      next: "have yours run vm-agent up --plain, with VM_AGENT_FLEET and VM_AGENT_HOME set",
    });
  // The user who called sudo owns the fleet, not root.
  const name = (scope === "system" && env.SUDO_USER) || username;
  return { manager, uid, name, ...(scope === "system" && { user: name }) };
}
