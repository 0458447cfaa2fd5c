// The names of the commands, each with its line in the list of `help`.

export const SUMMARIES = {
  alias: "Create an alias",
  aliases: "List available aliases",
  authenticate: "Authenticate client",
  clone: "Clone an instance",
  delete: "Delete instances and snapshots",
  exec: "Run a command on an instance",
  find: "Display available images to create instances from",
  get: "Get a configuration setting",
  help: "Display help about a command",
  info: "Display information about instances or snapshots",
  launch: "Create and start an Ubuntu instance",
  list: "List all available instances or snapshots",
  mount: "Mount a local directory in the instance",
  networks: "List available network interfaces",
  prefer: "Switch the current alias context",
  purge: "Purge all deleted instances permanently",
  recover: "Recover deleted instances",
  restart: "Restart instances",
  restore: "Restore an instance from a snapshot",
  set: "Set a configuration setting",
  shell: "Open a shell on an instance",
  snapshot: "Take a snapshot of an instance",
  start: "Start instances",
  stop: "Stop running instances",
  suspend: "Suspend running instances",
  transfer: "Transfer files between the host and instances",
  umount: "Unmount a directory from an instance",
  unalias: "Remove aliases",
  version: "Show version details",
} as const;

export type CommandName = keyof typeof SUMMARIES;

const OTHER_NAMES: Readonly<Record<string, CommandName>> = {
  auth: "authenticate",
  connect: "shell",
  "copy-files": "transfer",
  ls: "list",
  sh: "shell",
  unmount: "umount",
};

export function commandName(word: string): CommandName | undefined {
  if (Object.hasOwn(SUMMARIES, word)) return word as CommandName;
  return OTHER_NAMES[word];
}

export const COMMAND_NAMES = Object.keys(SUMMARIES) as readonly CommandName[];
