/** argv to exit code: finds the command in the table, parses its options, reports its errors. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { type Flags, currentFolder, readSettings, wantsColor } from "../base/env.ts";
import { EXIT } from "../base/errors.ts";
import { packageRoot } from "../base/paths.ts";
import { endProcess, ownProcessEnd } from "../base/process/process-end.ts";
import { exemptLoopback } from "../base/proxy.ts";
import { type CommandSpec, GLOBAL_OPTIONS, JSON_OPTION, nameOf } from "./command-spec.ts";
import { COMMANDS } from "./commands.ts";
import { createOutput, reportError } from "./output/output.ts";

/** Runs the command and ends the process with its exit code. */
export async function runCommand(argv: readonly string[]): Promise<never> {
  ownProcessEnd();
  exemptLoopback(process.env);
  return endProcess(await parsed(argv));
}

async function parsed(argv: readonly string[]): Promise<number> {
  const debug = Boolean(process.env.VM_AGENT_DEBUG);
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
    version: string;
  };
  let exit: number = EXIT.done;
  const program = new Command("vm-agent")
    .description("Fleets of AI agents in Multipass virtual machines, declared in YAML and kept in sync.")
    .version(`vm-agent ${version}`, "-V, --version")
    .option(...JSON_OPTION)
    .enablePositionalOptions()
    .exitOverride();
  // Usage errors are reported like all others.
  program.configureOutput({ outputError: () => {} });
  for (const [flags, text] of GLOBAL_OPTIONS) program.option(flags, text);
  const setExit = (code: number) => {
    exit = code;
  };
  const specs = wanted(argv[0]);
  for (const spec of specs) add(program, spec, setExit, version, debug);
  if (specs === COMMANDS) (await import("./help.ts")).groupedHelp(program);
  try {
    const own = afterOptions(argv);
    mustExist(own);
    // Without arguments it shows the overview.
    const line = own.length === 0 ? [...argv, "--help"] : await withExecWords(argv, own);
    const about = specs.find((spec) => nameOf(spec) === own[0])?.about;
    if (about && line.some((word) => word === "--help" || word === "-h"))
      program.commands.find((c) => c.name() === own[0])?.addHelpText("after", `\n${await about()}\n`);
    await program.parseAsync([...line], { from: "user" });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    const own = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
    const reported =
      error instanceof CommanderError
        ? (await import("./usage-error.ts")).usageError(error, COMMANDS, own)
        : error;
    return reportError(
      reported,
      createOutput({ color: wantsColor(process.env), json: own.includes("--json") }),
      debug,
    );
  }
}

/** `exec` takes options of ours after the name, too, and everything from the command's first word unchanged. */
async function withExecWords(argv: readonly string[], own: readonly string[]): Promise<readonly string[]> {
  const spec = own[0] === "exec" ? COMMANDS.find((c) => nameOf(c) === "exec") : undefined;
  if (spec === undefined) return argv;
  const { execWords } = await import("./tasks/exec-words.ts");
  const flags = [...(spec.options ?? []), ...GLOBAL_OPTIONS].map(([text]) => text.split(" "));
  const takesValue = (flag: string) => flags.some(([name, value]) => name === flag && value !== undefined);
  return [...argv.slice(0, argv.length - own.length), "exec", ...execWords(own.slice(1), takesValue)];
}

/** The words without options and values before the command. */
function afterOptions(argv: readonly string[]): readonly string[] {
  let at = 0;
  for (let word = argv[0]; word?.startsWith("-") && word !== "--"; word = argv[at])
    at += GLOBAL_OPTIONS.some(([flags]) => flags.split(" ", 1)[0] === word) ? 2 : 1;
  return argv.slice(at);
}

/** `--help` of an unknown command is an error, not the overview. */
function mustExist([first = "-", second = "-"]: readonly string[]): void {
  const word = first === "help" ? second : first;
  const isKnown = word === "help" || COMMANDS.some((spec) => nameOf(spec) === word);
  if (!isKnown && !word.startsWith("-"))
    throw new CommanderError(EXIT.usage, "commander.unknownCommand", `unknown command '${word}'`);
}

/** The named command, when it comes first; all of them for leading options, help, and misspelt names. */
function wanted(first: string | undefined): readonly CommandSpec[] {
  const named = COMMANDS.find((spec) => nameOf(spec) === first);
  return named ? [named] : COMMANDS;
}

function add(
  program: Command,
  spec: CommandSpec,
  done: (code: number) => void,
  version: string,
  debug: boolean,
): void {
  const command = program.command(spec.usage).description(spec.summary);
  if (!spec.noJson) command.option(...JSON_OPTION);
  for (const [flags, text, fallback] of spec.options ?? []) {
    if (flags.includes("<") && spec.repeatable?.includes(flags))
      command.option(flags, text, (v: string, all: string[] = []) => [...all, v]);
    else command.option(flags, text, fallback);
  }
  for (const [flags] of GLOBAL_OPTIONS) command.addOption(new Option(flags).hideHelp());
  // For exec, execWords marks where the command begins.
  if (spec.passThrough && nameOf(spec) !== "exec") command.passThroughOptions().allowUnknownOption();
  command.addHelpText("after", `\nExample:\n${spec.example.map((line) => `  ${line}`).join("\n")}`);
  command.exitOverride();
  command.action(async (...all: unknown[]) => {
    const options = command.opts();
    const global = program.opts();
    const output = createOutput({
      color: wantsColor(process.env),
      json: Boolean(global.json ?? options.json),
    });
    const args = all
      .slice(0, -2)
      .flat()
      .filter((a): a is string => typeof a === "string");
    try {
      const flags = {
        ...texts(global, "fleet", "home", "driver"),
        ...texts(options, "fleet", "home", "driver", "tlsCert", "tlsKey"),
      };
      // A new fleet belongs to this folder, whatever parent folders hold.
      const here = nameOf(spec) === "init" && !process.env.VM_AGENT_FLEET ? { fleet: "fleet" } : {};
      const settings = readSettings({ ...here, ...flags }, process.env, currentFolder());
      const run = await spec.load();
      done(await run({ settings, output, args, options, version }));
    } catch (error) {
      done(reportError(error, output, debug));
    }
  });
}

const texts = (options: Readonly<Record<string, unknown>>, ...names: readonly (keyof Flags)[]): Flags =>
  Object.fromEntries(
    names.flatMap((name) => (typeof options[name] === "string" ? [[name, options[name]]] : [])),
  );
