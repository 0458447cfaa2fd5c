/** The command table: names, options, help and examples in one place; each command is loaded only when it runs. */
import type { CommandSpec } from "./command-spec.ts";
import { ALLOW, EDITS } from "./commands-edits.ts";

const TARGET = ["--target <name>", "only this agent; may be repeated"] as const;

const TLS = [
  ["--tls-cert <file>", "speak TLS on every port with this certificate, in PEM (VM_AGENT_TLS_CERT)"],
  ["--tls-key <file>", "and this key (VM_AGENT_TLS_KEY)"],
] as const;

export const COMMANDS: readonly CommandSpec[] = [
  {
    usage: "init",
    summary: "create a small commented fleet in an empty folder",
    example: ["vm-agent init"],
    load: async () => (await import("./edits/init.ts")).init,
  },
  {
    usage: "up",
    noJson: true,
    summary: "run the hub, the loop and the dashboard until Ctrl-C",
    options: [["--plain", "lines instead of the terminal dashboard"], ...TLS],
    example: ["vm-agent up", "vm-agent up --plain", "vm-agent up --tls-cert hub.pem --tls-key hub.key"],
    load: async () => (await import("./commands/up.ts")).up,
  },
  {
    usage: "dash",
    summary: "open the terminal dashboard of the running hub; without a terminal, print the fleet's table",
    example: ["vm-agent dash"],
    load: async () => (await import("./commands/dash.ts")).dash,
  },
  {
    usage: "plan",
    summary: "show the changes that apply would make, and what is held and why",
    options: [
      TARGET,
      ALLOW,
      ["-o, --out <file>", "write the plan to this file, for vm-agent apply FILE"],
      ["--detailed-exitcode", "exit 2 when there are differences, 3 when only held items are left"],
    ],
    repeatable: [TARGET[0], ALLOW[0]],
    example: ["vm-agent plan", "vm-agent plan -o plan.json", "vm-agent plan --json --detailed-exitcode"],
    load: async () => (await import("./plan/plan.ts")).plan,
  },
  {
    usage: "apply [file]",
    summary: "apply the plan, or a saved plan, after confirmation",
    options: [TARGET, ALLOW, ["--yes", "do not ask"], ...TLS],
    repeatable: [TARGET[0], ALLOW[0]],
    example: ["vm-agent apply", "vm-agent apply --yes --target agent-builder", "vm-agent apply plan.json"],
    load: async () => (await import("./plan/apply.ts")).apply,
  },
  ...EDITS,
  {
    usage: "validate",
    summary: "check the fleet files and show all errors",
    example: ["vm-agent validate", "vm-agent --fleet ./other validate --json"],
    load: async () => (await import("./commands/validate.ts")).validate,
  },
  {
    usage: "drift",
    summary: "show drift: differences that no edit made; read-only, exits 2 if there are any",
    example: ["vm-agent drift", "vm-agent drift --json"],
    load: async () => (await import("./plan/drift.ts")).drift,
  },
  {
    usage: "why <name>",
    summary: "explain the state of an agent: desired, observed, last change, holds, next",
    example: ["vm-agent why agent-builder"],
    load: async () => (await import("./commands/why.ts")).why,
  },
  {
    usage: "pause <name>",
    summary: "set paused: true: the agent is observed and not changed",
    example: ["vm-agent pause agent-builder"],
    load: async () => (await import("./edits/pause.ts")).pause,
  },
  {
    usage: "resume <name>",
    summary: "remove paused: true",
    example: ["vm-agent resume agent-builder"],
    load: async () => (await import("./edits/pause.ts")).resume,
  },
  {
    usage: "import <name>",
    summary: "declare an instance that vm-agent did not create, and claim it",
    options: [["--yes", "do not ask"]],
    example: ["vm-agent import my-instance"],
    load: async () => (await import("./edits/import.ts")).importInstance,
  },
  {
    usage: "list",
    summary: "list the agents: desired, observed, sync, health",
    options: [
      ["--status <status>", "only agents whose runtime is online or offline"],
      ["--type <type>", "only agents of this type"],
      ["--label <key=value>", "only agents with this label"],
    ],
    example: ["vm-agent list", "vm-agent list --status online --type builder"],
    load: async () => (await import("./commands/list.ts")).list,
  },
  {
    usage: "status <name>",
    summary: "show one agent in full: conditions, health, tasks, snapshots",
    options: [["--watch", "print again whenever it changes"]],
    example: ["vm-agent status agent-builder"],
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    usage: "task [words...]",
    summary:
      "run a task on an agent (NAME JSON) or on a selected one (JSON), show its output, exit with its exit code",
    options: [
      ["--capability <word>", "instead of a name: the least busy agent that has it; with --all every one"],
      ["--selector <pairs>", "all agents of that type and with those labels, as in type=builder,team=web"],
      ["--agents <names>", "these agents, separated by commas"],
      ["--all", "all agents, or all that have the capability"],
      ["--wait", "wait for the end, which it does unless --no-wait is given"],
      ["--no-wait", "print the task's id and return"],
      ["-f, --file <file>", "read the task from this file; - is standard input"],
      ["--idempotency-key <key>", "the same key and task again: the same task, not a second one"],
      [
        "-i, --stdin",
        "wait for standard input as long as it takes, a terminal's too; else a pipe on which nothing comes for 10 s is refused",
      ],
      [
        "--output <file>",
        "write all of standard output to a new file, without the cap of 1 MiB: the command waits for this disk",
      ],
      ["--force", "with --output: replace the file, once the new one is whole"],
      ["--no-stdin", "pass no standard input on; else that of a pipe or file is, at most 2 MiB"],
    ],
    example: [
      `vm-agent task agent-builder '{"type":"exec","command":"echo hello"}'`,
      `vm-agent task --capability build '{"type":"exec","command":"echo hello"}'`,
      "vm-agent task agent-builder -f task.json",
    ],
    about: async () => (await import("./tasks/task.ts")).taskHelp(),
    load: async () => (await import("./tasks/task.ts")).task,
  },
  {
    usage: "exec <name> [command...]",
    summary: "run a command in an agent, as a task of its hub",
    options: [
      ["--sudo", "as root, if the agent's document allows it"],
      ["--timeout <time>", "end it after this time: milliseconds, or a duration such as 90s"],
      [
        "-i, --stdin",
        "wait for standard input as long as it takes, a terminal's too; else a pipe on which nothing comes for 10 s is refused",
      ],
      [
        "--output <file>",
        "write all of standard output to a new file, without the cap of 1 MiB: the command waits for this disk",
      ],
      ["--force", "with --output: replace the file, once the new one is whole"],
      ["--no-stdin", "pass no standard input on; else that of a pipe or file is, at most 2 MiB"],
      [
        "--direct",
        "past the hub, when no runtime answers: by multipass exec, in a running instance; no task, no audit",
      ],
    ],
    example: ["vm-agent exec agent-builder -- uname -a", "vm-agent exec --direct agent-builder -- uptime"],
    passThrough: true,
    about: async () =>
      "Options belong to vm-agent until -- or the first word after the name that is no option; everything from\n" +
      "there on is the command. One word is a line for a shell, several are a program and its arguments.\n" +
      "After a command of one word, --sudo and --timeout may follow: vm-agent exec NAME 'make all' --timeout 90s",
    load: async () => (await import("./tasks/task.ts")).exec,
  },
  {
    usage: "logs <name>",
    summary: "show the log of an agent's runtime",
    options: [
      ["--follow", "go on with what comes, until Ctrl-C"],
      ["--lines <n>", "how many of the newest lines", "100"],
      [
        "--direct",
        "past the hub, when no runtime answers: the journal of a running instance, by multipass exec",
      ],
    ],
    example: ["vm-agent logs agent-builder", "vm-agent logs agent-builder --follow --lines 20"],
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    usage: "shell <name>",
    noJson: true,
    summary: "open a shell in an agent's instance",
    example: ["vm-agent shell agent-builder"],
    load: async () => (await import("./commands/shell.ts")).shell,
  },
  {
    usage: "tasks",
    summary: "list the latest tasks and their results",
    options: [
      ["--agent <name>", "only tasks of this agent"],
      ["--limit <n>", "how many", "20"],
    ],
    example: ["vm-agent tasks --agent agent-builder"],
    load: async () => (await import("./tasks/task.ts")).tasks,
  },
  {
    usage: "cancel <id>",
    summary: "cancel a task: kills its process group",
    example: ["vm-agent cancel 0b6f1c1e-0000-4000-8000-000000000000"],
    load: async () => (await import("./tasks/task.ts")).cancel,
  },
  {
    usage: "history",
    summary: "list the revisions that were in force: when, by whom, with what result",
    options: [["--limit <n>", "how many, the newest first", "20"]],
    example: ["vm-agent history", "vm-agent history --limit 5 --json"],
    load: async () => (await import("./commands/history.ts")).history,
  },
  {
    usage: "rollback <rev>",
    summary: "restore the fleet folder of a revision in a new commit, and apply it",
    options: [["--yes", "do not ask"]],
    example: ["vm-agent rollback HEAD~1", "vm-agent rollback 3f2c1ab --yes"],
    load: async () => (await import("./edits/rollback.ts")).rollback,
  },
  {
    usage: "reconcile [name]",
    summary: "make the running loop refresh now and retry failures",
    options: [["--accept-rewrite", "accept a followed branch that was rewritten: its new tip counts"]],
    example: [
      "vm-agent reconcile",
      "vm-agent reconcile agent-builder",
      "vm-agent reconcile --accept-rewrite",
    ],
    load: async () => (await import("./plan/reconcile.ts")).reconcile,
  },
  {
    usage: "audit [verb]",
    summary:
      "who did what to what, the newest first; verify: whether the record is whole and nothing is lost; acknowledge: go on without what is lost",
    options: [
      ["--agent <name>", "only what concerns this agent"],
      ["--kind <kind>", "only this kind, e.g. task, task.submit, step, login"],
      ["--limit <n>", "how many", "50"],
      [
        "--anchor <seq:hash>",
        "with verify: a link that an earlier verify printed and that must be there still",
      ],
    ],
    example: [
      "vm-agent audit --agent agent-builder --kind task",
      "vm-agent audit verify",
      "vm-agent audit acknowledge",
    ],
    load: async () => (await import("./commands/audit.ts")).audit,
  },
  {
    usage: "token [verb] [name]",
    summary:
      "where the operator's token is; show prints it, rotate replaces it, join NAME prints a join token",
    example: ["vm-agent token", "vm-agent token show", "vm-agent token rotate"],
    load: async () => (await import("./commands/token.ts")).token,
  },
  {
    usage: "backup <file>",
    summary: "back up the state into one file, while up runs or not; or restore it",
    options: [
      ["--force", "replace the file if it exists"],
      ["--without-keys", "leave out fleet-key and operator-token"],
      ["--restore", "put the file's content back; up must not be running"],
    ],
    example: ["vm-agent backup state.backup", "vm-agent backup state.backup --restore"],
    load: async () => (await import("./commands/backup.ts")).backup,
  },
  {
    usage: "doctor",
    summary:
      "check this machine, Multipass, ports, tokens and the fleet, with a remedy for each problem; read-only",
    example: ["vm-agent doctor", "vm-agent doctor --json"],
    load: async () => (await import("./doctor/doctor.ts")).doctor,
  },
  {
    usage: "install-service",
    summary: "start the hub at boot: systemd on Linux, launchd on macOS",
    options: [
      ["--user", "a service of your own (the default, but for root)"],
      ["--system", "a service of the machine, run as you (with sudo)"],
      ["--print", "print the file and what would be run, and do nothing"],
      ["--dry-run", "the same"],
      ["--force", "replace the service of another fleet"],
    ],
    example: ["vm-agent install-service --print"],
    load: async () => (await import("./service/install.ts")).installService,
  },
  {
    usage: "uninstall-service",
    summary: "stop and remove that service; agents and state stay",
    options: [
      ["--user", "the service of your own (the default, but for root)"],
      ["--system", "the service of the machine (with sudo)"],
    ],
    example: ["vm-agent uninstall-service"],
    load: async () => (await import("./service/install.ts")).uninstallService,
  },
  {
    usage: "multipass [args...]",
    noJson: true,
    summary: "run the selected Multipass (also the sandbox), as the driver does",
    passThrough: true,
    example: ["vm-agent multipass list", "vm-agent multipass info agent-builder"],
    load: async () => (await import("./commands/multipass.ts")).multipass,
  },
  {
    usage: "completion <shell> [words...]",
    noJson: true,
    summary: "print a script that completes commands, options and names in bash, zsh or fish",
    passThrough: true,
    example: ["vm-agent completion bash"],
    load: async () => (await import("./completion/completion.ts")).completionOf(COMMANDS),
  },
  {
    usage: "version",
    summary: "show versions",
    example: ["vm-agent version", "vm-agent version --json"],
    load: async () => (await import("./commands/version.ts")).version,
  },
];
