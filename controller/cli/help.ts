/** `vm-agent` and `vm-agent --help`: the commands in groups, one line each, and where to begin. */
import { Command } from "commander";

export const GROUPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Begin: {
    init: "a small fleet with comments, in an empty place",
    validate: "everything that is wrong in the fleet files",
    doctor: "what is in the way here, and its remedy",
    up: "hub, loop and dashboards, until Ctrl-C",
    dash: "the terminal dashboard of a hub that runs",
  },
  "The fleet, desired and observed": {
    plan: "what would be done, what is held and why",
    apply: "do it, after asking",
    drift: "drift: differences that no edit made",
    list: "the agents: wanted, seen, in sync, healthy",
    status: "one agent in full",
    why: "why an agent is as it is, and what comes next",
    history: "what was in force, and how it ended",
    rollback: "back to a revision, as a new commit",
    reconcile: "have the running loop look again now",
  },
  "Agents, edited and applied": {
    create: "a document, and its instance",
    start: "state: running",
    stop: "state: stopped, when its tasks are done",
    suspend: "state: suspended",
    snapshot: "declare a snapshot, and have it taken",
    restore: "take a disk back to a snapshot",
    destroy: "the document and the instance, with its disk",
    pause: "observed, and not acted on",
    resume: "acted on again",
    import: "make a foreign instance ours",
  },
  Work: {
    task: "give agents a task, and show its output",
    exec: "run a command in an agent",
    tasks: "the latest tasks and how they ended",
    cancel: "end a task",
    logs: "the log of an agent's runtime",
    shell: "a shell in an instance",
  },
  "This machine": {
    multipass: "the Multipass in use, as the driver sees it",
    audit: "who did what to what, and whether that is whole",
    token: "the operator's token, and join tokens",
    backup: "what must be remembered, in one file",
    "install-service": "have the hub start by itself",
    "uninstall-service": "stop that service and remove it",
    completion: "what Tab completes in bash, zsh and fish",
    version: "which vm-agent this is, and what it brings",
    help: "what a command is for, with an example",
  },
};

const BELOW = `
Begin with vm-agent init in an empty place, then plan and apply, or up.
vm-agent COMMAND --help says what is allowed, with an example that works.
Exit codes: 0 done, 1 failed, 2 differences, 3 held, 64 usage, 65 invalid fleet,
69 Multipass or hub unreachable.`;

export function groupedHelp(program: Command): void {
  const help = new Command("help").argument("[command]");
  program.addHelpCommand(help);
  program.configureHelp({
    // [options] is omitted, because most commands have some.
    subcommandTerm: (command) => {
      const places = command.registeredArguments.map((a) => {
        const word = `${a.name()}${a.variadic ? "..." : ""}`;
        return a.required ? `<${word}>` : `[${word}]`;
      });
      return [command.name(), ...places].join(" ");
    },
  });
  for (const [heading, group] of Object.entries(GROUPS))
    for (const command of [...program.commands, help])
      if (group[command.name()] !== undefined)
        command.helpGroup(`${heading}:`).summary(group[command.name()] ?? "");
  program.addHelpText("after", BELOW);
}
