/** Converts usage errors of commander: the error, a suggestion, and the usage line. */
import type { CommanderError } from "commander";
import { didYouMean } from "../../schemas/explain.ts";
import { EXIT, VmAgentError } from "../base/errors.ts";
import { type CommandSpec, nameOf } from "./command-spec.ts";

/** Words of other tools for our commands. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  attach: "shell",
  check: "validate",
  connect: "shell",
  console: "dash",
  dashboard: "dash",
  delete: "destroy",
  describe: "status",
  diff: "plan",
  down: "stop --all",
  events: "audit",
  get: "list",
  info: "status",
  launch: "create",
  log: "logs",
  ls: "list",
  new: "create",
  preview: "plan",
  ps: "list",
  remove: "destroy",
  rm: "destroy",
  rollout: "history",
  run: "exec",
  serve: "up",
  sh: "shell",
  show: "status",
  ssh: "shell",
  sync: "reconcile",
  top: "dash",
  ui: "dash",
  undo: "rollback",
  watch: "dash",
};

export function usageError(
  error: CommanderError,
  commands: readonly CommandSpec[],
  argv: readonly string[],
): VmAgentError {
  const spec = commands.find((c) => argv.includes(nameOf(c))) ?? null;
  return new VmAgentError({
    code: "usage",
    ...reported(error, commands, spec),
    exit: EXIT.usage,
    cause: error,
  });
}

function reported(
  error: CommanderError,
  commands: readonly CommandSpec[],
  spec: CommandSpec | null,
): { readonly message: string; readonly next: string } {
  const [first = "", ...more] = error.message.replace(/^error: /, "").split("\n");
  const quoted = /'([^']*)'/.exec(first)?.[1] ?? "";
  if (error.code === "commander.unknownCommand") {
    const names = commands.map(nameOf);
    const other = ELSEWHERE[quoted];
    const near = other === undefined ? didYouMean(quoted, names) : `did you mean "${other}"?`;
    return {
      message: `there is no command "${quoted}"${near === null ? "" : `; ${near}`}`,
      next: "vm-agent --help lists the commands",
    };
  }
  const next =
    spec === null
      ? "vm-agent --help says what is allowed"
      : `as in: ${spec.example[0]}; vm-agent ${nameOf(spec)} --help says what is allowed`;
  switch (error.code) {
    case "commander.unknownOption": {
      const meant = /Did you mean (?:one of )?([^?]*)\?/.exec(more.join(" "))?.[1];
      const where = spec === null ? "" : ` of vm-agent ${nameOf(spec)}`;
      return { message: `${quoted} is no option${where}${meant ? `; did you mean ${meant}?` : ""}`, next };
    }
    case "commander.missingArgument":
      return { message: `${quoted.toUpperCase()} is missing`, next };
    case "commander.optionMissingArgument":
      return { message: `${quoted} needs a value`, next };
    case "commander.excessArguments": {
      const [, allowed = "", words = first] = /Expected (\d+) .*?: (.*)\.$/.exec(first) ?? [];
      return { message: `"${words.split(", ").slice(Number(allowed)).join(" ")}" is too much`, next };
    }
    default:
      return { message: first, next };
  }
}
