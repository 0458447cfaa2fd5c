/** Commands that are over in a moment: they come from one file, for with many of them a start is mostly the finding and linking of modules. */
export const SHORT_COMMANDS: ReadonlySet<string> = new Set([
  "cancel",
  "completion",
  "drift",
  "exec",
  "history",
  "list",
  "logs",
  "plan",
  "status",
  "task",
  "tasks",
  "validate",
  "version",
  "why",
]);
