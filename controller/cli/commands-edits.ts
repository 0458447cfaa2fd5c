/** Rows of the command table for commands that edit the fleet. */
import type { CommandSpec } from "./command-spec.ts";

export const ALLOW = [
  "--allow-delete <name>",
  "release what is held for this agent because it deletes; may be repeated",
] as const;
const COMMIT = [
  "--commit",
  "commit the edit; needed where the fleet follows git, since it counts only then",
] as const;
const ALL = ["--all", "every agent of the fleet"] as const;

export const EDITS: readonly CommandSpec[] = [
  {
    usage: "create <name>",
    summary: "write fleet/agents/NAME.yaml and create the agent",
    options: [
      ["--type <type>", "what it is for: a free word, e.g. builder, tester, researcher"],
      ["--cpu <count>", "cores (default: 2, or the profile's)"],
      ["--memory <size>", "e.g. 4G (default: 4G, or the profile's)"],
      ["--disk <size>", "e.g. 20G (default: 20G, or the profile's)"],
      ["--capabilities <list>", "what it can do, separated by commas"],
      ["--image <image>", "what multipass launch takes (default: Multipass's own)"],
      ["--profile <name>", "a profile of the fleet"],
      ["--label <key=value>", "a label; may be repeated"],
      ["--print", "print the document instead of writing it"],
      COMMIT,
    ],
    repeatable: ["--label <key=value>"],
    example: [
      "vm-agent create agent-docs --type writer --cpu 1 --memory 512M --disk 2G --capabilities docs,review",
      "vm-agent create agent-copy --print",
    ],
    load: async () => (await import("./edits/create.ts")).create,
  },
  {
    usage: "start [names...]",
    summary: "set state: running and start the instances",
    options: [ALL, COMMIT],
    example: ["vm-agent start agent-docs", "vm-agent start --all"],
    load: async () => (await import("./edits/power.ts")).start,
  },
  {
    usage: "stop [names...]",
    summary: "set state: stopped and stop the instances when their tasks are done",
    options: [ALL, COMMIT],
    example: ["vm-agent stop agent-docs"],
    load: async () => (await import("./edits/power.ts")).stop,
  },
  {
    usage: "suspend [names...]",
    summary: "set state: suspended and suspend the instances",
    options: [ALL, COMMIT],
    example: ["vm-agent suspend agent-docs"],
    load: async () => (await import("./edits/power.ts")).suspend,
  },
  {
    usage: "snapshot <name> [snapshot]",
    summary: "declare a snapshot of the agent and take it; a running instance is stopped for it",
    options: [["--comment <text>", "what it is for"], COMMIT],
    example: ["vm-agent snapshot agent-docs before-upgrade"],
    load: async () => (await import("./edits/snapshot.ts")).snapshot,
  },
  {
    usage: "restore <name> <snapshot>",
    summary: "restore an agent's disk from a snapshot; the current disk is kept in another one",
    options: [["--yes", "do not ask"], ALLOW, COMMIT],
    repeatable: [ALLOW[0]],
    example: ["vm-agent restore agent-docs before-upgrade --yes"],
    load: async () => (await import("./edits/snapshot.ts")).restore,
  },
  {
    usage: "destroy [names...]",
    summary: "remove the documents and destroy the instances with their disks and snapshots",
    options: [
      ["--all", "every agent of the fleet, and every instance of it whose document is gone"],
      ["--force", "do not ask for the name; what is protected needs --allow-delete NAME then"],
      ALLOW,
      COMMIT,
    ],
    repeatable: [ALLOW[0]],
    example: ["vm-agent destroy agent-docs --force"],
    load: async () => (await import("./edits/destroy.ts")).destroy,
  },
];
