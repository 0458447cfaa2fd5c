// The commands by name; each module is loaded only when its command is called.
import type { CommandName } from "./command-names.ts";
import type { Command } from "./command.ts";

const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  alias: async () => (await import("../commands/alias.ts")).alias,
  aliases: async () => (await import("../commands/alias.ts")).aliases,
  authenticate: async () => (await import("../commands/authenticate.ts")).authenticate,
  clone: async () => (await import("../commands/clone.ts")).clone,
  delete: async () => (await import("../commands/delete.ts")).remove,
  exec: async () => (await import("../commands/exec.ts")).exec,
  find: async () => (await import("../commands/read/find.ts")).find,
  get: async () => (await import("../commands/read/get.ts")).get,
  help: async () => (await import("../commands/read/help.ts")).helpOf(loadCommand),
  info: async () => (await import("../commands/read/info.ts")).info,
  launch: async () => (await import("../commands/launch.ts")).launch,
  list: async () => (await import("../commands/read/list.ts")).list,
  mount: async () => (await import("../commands/mount.ts")).mount,
  networks: async () => (await import("../commands/read/networks.ts")).networks,
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
  version: async () => (await import("../commands/read/version.ts")).version,
};

export function loadCommand(name: CommandName): Promise<Command> {
  return COMMANDS[name]();
}
