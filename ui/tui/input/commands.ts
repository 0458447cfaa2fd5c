/** The table of commands, typed after a colon: each is the same as a key, or its opposite, on an agent that may be named. */
import type { CommandAction } from "./actions.ts";

export interface CommandRow {
  readonly name: string;
  /** What follows it, for the help. */
  readonly args: string;
  readonly help: string;
  /** The action that it is the same as, on the agent that is named or that the cursor is on. */
  readonly action: CommandAction;
}

export const COMMANDS: readonly CommandRow[] = [
  { name: "fleet", args: "", help: "the agents", action: "view-fleet" },
  { name: "plan", args: "", help: "what would be done", action: "plan" },
  { name: "tasks", args: "", help: "what was given to agents", action: "view-tasks" },
  { name: "events", args: "", help: "what happened", action: "view-events" },
  { name: "commands", args: "", help: "every call of multipass", action: "view-commands" },
  { name: "describe", args: "[NAME]", help: "show one agent in full", action: "describe" },
  { name: "logs", args: "[NAME]", help: "its log", action: "logs" },
  { name: "shell", args: "[NAME]", help: "a shell in it", action: "shell" },
  { name: "task", args: "[NAME] [LINE]", help: "a shell line, or JSON, as a task", action: "task" },
  { name: "apply", args: "", help: "apply the plan", action: "apply" },
  { name: "reconcile", args: "[NAME]", help: "have the loop look again", action: "reconcile" },
  { name: "start", args: "[NAME]", help: "write state: running", action: "start" },
  { name: "stop", args: "[NAME]", help: "write state: stopped", action: "stop" },
  { name: "suspend", args: "[NAME]", help: "write state: suspended", action: "suspend" },
  { name: "pause", args: "[NAME]", help: "write paused: true", action: "pause" },
  { name: "resume", args: "[NAME]", help: "remove paused: true", action: "resume" },
  { name: "snapshot", args: "[NAME] [SNAPSHOT]", help: "declare a snapshot", action: "snapshot" },
  { name: "restore", args: "[NAME] [SNAPSHOT]", help: "go back to a snapshot", action: "restore" },
  { name: "destroy", args: "[NAME]", help: "remove document and instance", action: "destroy" },
  { name: "unmark", args: "", help: "take all marks away", action: "unmark" },
  { name: "help", args: "", help: "the keys", action: "help" },
  { name: "quit", args: "", help: "leave, from wherever you are", action: "leave" },
];

/** `q` as in editors, and names as far as they are unambiguous. */
export function commandOf(word: string): CommandRow | null {
  const exact = COMMANDS.find((c) => c.name === word || (word === "q" && c.name === "quit"));
  if (exact) return exact;
  const found = word === "" ? [] : COMMANDS.filter((c) => c.name.startsWith(word));
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** What could stand at the end of `text`: the whole lines. */
export function completions(text: string, agents: readonly string[]): readonly string[] {
  const words = text.trimStart().split(/ +/);
  if (words.length <= 1)
    return COMMANDS.filter((c) => c.name.startsWith(words[0] ?? "")).map(
      (c) => `${c.name}${c.args === "" ? "" : " "}`,
    );
  const command = commandOf(words[0] ?? "");
  if (!command || words.length > 2 || !command.args.includes("NAME")) return [];
  return agents.filter((a) => a.startsWith(words[1] ?? "")).map((a) => `${command.name} ${a}`);
}
