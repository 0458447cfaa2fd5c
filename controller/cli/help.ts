/** `vm-agent` and `vm-agent --help`: the commands in groups, one line each, and where to begin. */
import { Command } from "commander";

export const GROUPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Begin: {
    init: "create a small commented fleet",
    validate: "check the fleet files",
    doctor: "check this machine, with remedies",
    up: "run hub, loop and dashboards until Ctrl-C",
    dash: "open the terminal dashboard of the running hub",
  },
  "The fleet, desired and observed": {
    plan: "show changes and holds, with reasons",
    apply: "apply the plan, after confirmation",
    drift: "show differences that no edit made",
    list: "list the agents: state, sync, health",
    status: "show one agent in full",
    why: "explain an agent's state, and what comes next",
    history: "list former revisions and their results",
    rollback: "restore a revision, in a new commit",
    reconcile: "make the running loop refresh now",
  },
  "Agents, edited and applied": {
    create: "create a document and its instance",
    start: "state: running",
    stop: "state: stopped, when its tasks are done",
    suspend: "state: suspended",
    snapshot: "declare and take a snapshot",
    restore: "restore a disk from a snapshot",
    destroy: "remove document, instance and disk",
    pause: "observe, and change nothing",
    resume: "end a pause",
    import: "claim an unowned instance",
  },
  Work: {
    task: "run a task on agents, and show its output",
    exec: "run a command in an agent",
    tasks: "list the latest tasks and their results",
    cancel: "cancel a task",
    logs: "show the log of an agent's runtime",
    shell: "open a shell in an instance",
  },
  "This machine": {
    multipass: "run the selected Multipass",
    audit: "list and verify the audit",
    token: "show and rotate tokens",
    backup: "back up the state into one file",
    "install-service": "start the hub at boot",
    "uninstall-service": "remove that service",
    completion: "print a completion script for bash, zsh or fish",
    version: "show versions",
    help: "show a command's options and an example",
  },
};

const BELOW = `
Begin with vm-agent init in an empty folder, then plan and apply, or up.
vm-agent COMMAND --help shows options and an example that works.
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
