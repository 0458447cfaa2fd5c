/** Service managers: where each keeps unit files, and its commands to load a unit, show its state and its log. Pure. */
import { join } from "node:path";
import { HUB_LABEL, HUB_PLIST, hubLogs, hubPlist } from "../../../provisioning/launchd/plist.ts";
import type { HubService } from "../../../provisioning/service.ts";
import { HUB_UNIT, hubUnit } from "../../../provisioning/systemd/hub-unit.ts";
import type { EnvRecord } from "../../base/env.ts";

export type Scope = "user" | "system";
export type Command = readonly [string, ...string[]];

export interface Manager {
  readonly name: "systemd" | "launchd";
  readonly scope: Scope;
  /** Path of the file. */
  readonly file: string;
  /** Folders that must exist before it starts. */
  readonly folders: (home: string) => readonly string[];
  readonly render: (service: HubService) => string;
  /** In this order; a `quiet` one may fail. */
  readonly begin: readonly { readonly command: Command; readonly quiet?: true }[];
  readonly end: readonly { readonly command: Command; readonly quiet?: true }[];
  /** After the file is gone. */
  readonly forget: readonly { readonly command: Command; readonly quiet?: true }[];
  /** Exit code 0: running. */
  readonly state: Command;
  /** Command that prints the newest lines of its log; null: they are in `logFile`. */
  readonly log: Command | null;
  readonly logFile: (home: string) => string | null;
  /** Command for a person to read it. */
  readonly logWords: (home: string) => string;
}

export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly scope: Scope;
  readonly uid: number;
  /** The user's own folder. */
  readonly userHome: string;
  readonly env: EnvRecord;
}

/** null: no supported service manager. */
export function managerOf(around: Surroundings): Manager | null {
  if (around.platform === "linux") return systemd(around);
  return around.platform === "darwin" ? launchd(around) : null;
}

function systemd({ scope, userHome, env }: Surroundings): Manager {
  const who = scope === "user" ? ["--user"] : [];
  const systemctl = (...args: readonly string[]): Command => ["systemctl", ...who, ...args];
  const config = env.XDG_CONFIG_HOME || join(userHome, ".config");
  const unit = scope === "user" ? "--user-unit" : "--unit";
  return {
    name: "systemd",
    scope,
    file:
      scope === "user" ? join(config, "systemd", "user", HUB_UNIT) : join("/etc/systemd/system", HUB_UNIT),
    folders: () => [],
    render: hubUnit,
    begin: [
      { command: systemctl("daemon-reload") },
      { command: systemctl("enable", HUB_UNIT) },
      // A service that runs with the older file is stopped, because start would keep it.
      { command: systemctl("restart", HUB_UNIT) },
    ],
    end: [{ command: systemctl("disable", "--now", HUB_UNIT) }],
    forget: [
      { command: systemctl("daemon-reload") },
      { command: systemctl("reset-failed", HUB_UNIT), quiet: true },
    ],
    state: systemctl("is-active", "--quiet", HUB_UNIT),
    log: ["journalctl", `${unit}=${HUB_UNIT}`, "--lines=200", "--output=cat", "--no-pager", "--quiet"],
    logFile: () => null,
    logWords: () => `journalctl ${unit} ${HUB_UNIT} -f`,
  };
}

function launchd({ scope, uid, userHome }: Surroundings): Manager {
  const domain = scope === "user" ? `gui/${uid}` : "system";
  const folder = scope === "user" ? join(userHome, "Library", "LaunchAgents") : "/Library/LaunchDaemons";
  const file = join(folder, HUB_PLIST);
  const out = { command: ["launchctl", "bootout", `${domain}/${HUB_LABEL}`] } as const;
  return {
    name: "launchd",
    scope,
    file,
    folders: (home) => [join(home, "logs")],
    render: hubPlist,
    // It may have been loaded from the older file, or disabled once.
    begin: [
      { ...out, quiet: true },
      { command: ["launchctl", "enable", `${domain}/${HUB_LABEL}`], quiet: true },
      { command: ["launchctl", "bootstrap", domain, file] },
    ],
    end: [{ ...out, quiet: true }],
    forget: [],
    state: ["launchctl", "print", `${domain}/${HUB_LABEL}`],
    log: null,
    logFile: (home) => hubLogs(home).stderr,
    logWords: (home) => `tail -f ${hubLogs(home).stdout} ${hubLogs(home).stderr}`,
  };
}
