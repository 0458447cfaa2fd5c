// The commands by name; each module is loaded only when its command is called.
import type { Command } from "./command.ts";

const COMMANDS = {
  alias: async () => (await import("../commands/alias.ts")).alias,
  aliases: async () => (await import("../commands/alias.ts")).aliases,
  authenticate: async () => (await import("../commands/authenticate.ts")).authenticate,
  clone: async () => (await import("../commands/clone.ts")).clone,
  delete: async () => (await import("../commands/delete.ts")).remove,
  exec: async () => (await import("../commands/exec.ts")).exec,
  find: async () => (await import("../commands/find.ts")).find,
  get: async () => (await import("../commands/get.ts")).get,
  help: async () => (await import("../commands/help.ts")).help,
  info: async () => (await import("../commands/info.ts")).info,
  launch: async () => (await import("../commands/launch.ts")).launch,
  list: async () => (await import("../commands/list.ts")).list,
  mount: async () => (await import("../commands/mount.ts")).mount,
  networks: async () => (await import("../commands/networks.ts")).networks,
  prefer: async () => (await import("../commands/alias.ts")).prefer,
  purge: async () => (await import("../commands/delete.ts")).purge,
  recover: async () => (await import("../commands/recover.ts")).recover,
  restart: async () => (await import("../commands/restart.ts")).restart,
  restore: async () => (await import("../commands/restore.ts")).restore,
  set: async () => (await import("../commands/set.ts")).set,
  shell: async () => (await import("../commands/exec.ts")).shell,
  snapshot: async () => (await import("../commands/snapshot.ts")).snapshot,
  start: async () => (await import("../commands/start.ts")).start,
  stop: async () => (await import("../commands/stop.ts")).stop,
  suspend: async () => (await import("../commands/suspend.ts")).suspend,
  transfer: async () => (await import("../commands/transfer.ts")).transfer,
  umount: async () => (await import("../commands/umount.ts")).umount,
  unalias: async () => (await import("../commands/alias.ts")).unalias,
  version: async () => (await import("../commands/version.ts")).version,
} as const satisfies Record<string, () => Promise<Command>>;

export type CommandName = keyof typeof COMMANDS;

const OTHER_NAMES: Readonly<Record<string, CommandName>> = {
  auth: "authenticate",
  connect: "shell",
  "copy-files": "transfer",
  ls: "list",
  sh: "shell",
  unmount: "umount",
};

export function commandName(word: string): CommandName | undefined {
  if (Object.hasOwn(COMMANDS, word)) return word as CommandName;
  return OTHER_NAMES[word];
}

export function loadCommand(name: CommandName): Promise<Command> {
  return COMMANDS[name]();
}

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];
