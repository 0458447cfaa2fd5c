/** The task on a command line: JSON as a word, from a file, or from standard input. */
import { readFileSync } from "node:fs";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import type { Invocation } from "../command-spec.ts";

export interface GivenTask {
  /** Empty: selected by options instead. */
  readonly name: string;
  readonly task: unknown;
  /** Standard input was the task, so it is not its input. */
  readonly isFromStdin: boolean;
}

/**
 * `isChosen`: no name is expected, because options select the agents. Throws `usage`, `task-not-json` and
 * `task-unreadable`.
 */
export function readTask(
  { args, options }: Pick<Invocation, "args" | "options">,
  isChosen: boolean,
): GivenTask {
  const file = typeof options.file === "string" ? options.file : null;
  const [first = "", ...rest] = args;
  const [name, words] = isChosen ? ["", args] : [first, rest];
  if (isChosen && words.length === 2 && file === null)
    throw usage(
      "both an agent's name and a choice of agents are given",
      "leave the name out with --capability, --selector, --agents and --all",
    );
  if ((!isChosen && name === "") || (words.length === 0 && file === null))
    throw usage(
      `${isChosen ? "JSON" : name === "" ? "NAME JSON" : "JSON"} is missing`,
      `as in: ${asIn(name)}; vm-agent task --help lists every type of task`,
    );
  if (words.length > (file === null ? 1 : 0))
    throw usage(
      `"${words.slice(file === null ? 1 : 0).join(" ")}" is too much`,
      "quote the task as one word, or read it with -f FILE",
    );
  const from = file ?? (words[0] === "-" ? "-" : null);
  const text = from === null ? (words[0] ?? "") : readText(from);
  try {
    return { name, task: JSON.parse(text), isFromStdin: from === "-" };
  } catch (error) {
    const where = from === null ? "the task" : from === "-" ? "standard input" : from;
    throw new VmAgentError({
      code: "task-not-json",
      message: `${where} is not JSON: ${(error as Error).message}`,
      next:
        from === null
          ? `quote it for your shell, as in: ${asIn(name)}`
          : `it must hold one task, such as ${EXAMPLE}`,
      exit: EXIT.usage,
    });
  }
}

const EXAMPLE = '{"type":"exec","command":"echo hello"}';
const asIn = (name: string): string => `vm-agent task ${name || "NAME"} '${EXAMPLE}'`;

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new VmAgentError({
      code: "task-unreadable",
      message: `the task cannot be read: ${(error as Error).message}`,
      next: "name a file with one task in JSON, or - for standard input",
      exit: EXIT.usage,
    });
  }
}

const usage = (message: string, next: string): VmAgentError =>
  new VmAgentError({ code: "usage", message, next, exit: EXIT.usage });
