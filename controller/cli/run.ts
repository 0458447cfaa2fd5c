/** argv to exit code: finds the command in the table, gives it its options, reports what it throws. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { type Settings, currentFolder, readSettings } from "../base/env.ts";
import { EXIT } from "../base/errors.ts";
import { packageRoot } from "../base/paths.ts";
import { COMMANDS, type CommandSpec } from "./commands.ts";
import { type Output, createOutput, reportError } from "./output.ts";

/** What every command gets. */
export interface Invocation {
  readonly settings: Settings;
  readonly output: Output;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly version: string;
}

export type CommandRun = (invocation: Invocation) => Promise<number>;

export async function runCommand(argv: readonly string[]): Promise<number> {
  const debug = Boolean(process.env.VM_AGENT_DEBUG);
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
    version: string;
  };
  let exit: number = EXIT.done;
  const program = new Command("vm-agent")
    .description("Fleets of AI agents in Multipass virtual machines, declared in YAML and kept as written.")
    .version(`vm-agent ${version}`, "-V, --version")
    .option("--fleet <folder>", "the fleet folder (VM_AGENT_FLEET; default ./fleet)")
    .option("--home <folder>", "the state folder (VM_AGENT_HOME; default .vm-agent beside the fleet folder)")
    .option("--driver <driver>", "auto, multipass or sandbox (VM_AGENT_DRIVER)")
    .option("--json", "print data as JSON")
    .showHelpAfterError("(add --help for what is allowed)")
    .enablePositionalOptions()
    .exitOverride();
  program.configureOutput({ writeErr: (text) => void process.stderr.write(text) });
  const setExit = (code: number) => {
    exit = code;
  };
  for (const spec of wanted(argv[0])) add(program, spec, setExit, version, debug);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return reportError(error, createOutput({ color: true, json: false }), debug);
  }
}

/** The one that is named, when it is named first; all of them when options stand before it, for help, and for what is misspelt. */
function wanted(first: string | undefined): readonly CommandSpec[] {
  const named = COMMANDS.find(({ usage }) => usage.split(" ", 1)[0] === first);
  return named ? [named] : COMMANDS;
}

function add(
  program: Command,
  spec: CommandSpec,
  done: (code: number) => void,
  version: string,
  debug: boolean,
): void {
  const command = program
    .command(spec.usage)
    .description(spec.summary)
    .option("--json", "print data as JSON");
  for (const [flags, text, fallback] of spec.options ?? []) {
    if (flags.includes("<") && spec.repeatable?.includes(flags))
      command.option(flags, text, (v: string, all: string[] = []) => [...all, v]);
    else command.option(flags, text, fallback);
  }
  if (spec.passThrough) command.passThroughOptions().allowUnknownOption();
  command.addHelpText("after", `\nExample:\n${spec.example.map((line) => `  ${line}`).join("\n")}`);
  command.exitOverride();
  command.action(async (...all: unknown[]) => {
    const global = program.opts() as { fleet?: string; home?: string; driver?: string; json?: boolean };
    const options = command.opts();
    const output = createOutput({ color: !process.env.NO_COLOR, json: Boolean(global.json ?? options.json) });
    const args = all
      .slice(0, -2)
      .flat()
      .filter((a): a is string => typeof a === "string");
    try {
      const settings = readSettings({ ...global, ...tlsOf(options) }, process.env, currentFolder());
      const run = await spec.load();
      done(await run({ settings, output, args, options, version }));
    } catch (error) {
      done(reportError(error, output, debug));
    }
  });
}

function tlsOf({ tlsCert, tlsKey }: Readonly<Record<string, unknown>>) {
  return {
    ...(typeof tlsCert === "string" && { tlsCert }),
    ...(typeof tlsKey === "string" && { tlsKey }),
  };
}
