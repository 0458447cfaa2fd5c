/** Short commands, bundled into one file: with many files, loading and linking modules dominates their start. */
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
