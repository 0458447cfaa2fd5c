#!/usr/bin/env node
// Multipass's command line over folders and processes of this machine: no virtual machine, the same conversation.
import { parseArguments } from "./frontend/arguments.ts";
import { logCall } from "./call-log.ts";
import { commandName } from "./frontend/command-names.ts";
import { loadCommand } from "./frontend/command-table.ts";
import type { CallFault } from "./call.ts";
import { openCall } from "./daemon.ts";
import { Exit, Refusal, usage } from "./failure.ts";
import { write } from "./frontend/output.ts";

const EXEC_HINT = `

Options to the inner command should come after "--", like this:
multipass exec <instance> -- <command> <arguments>`;

const started = Date.now();
const argv = process.argv.slice(2);

process.exitCode = await main();
logCall(argv, started, Number(process.exitCode));
process.exit();

async function main(): Promise<number> {
  try {
    return await dispatch();
  } catch (error) {
    if (!(error instanceof Exit)) {
      // A fault of the sandbox itself, such as a state folder that cannot be read: in one line, without Node's internals.
      write(2, `${argv[0] ?? "multipass"} failed: the sandbox failed: ${(error as Error).message}\n`);
      if (process.env.VM_AGENT_DEBUG) write(2, `${(error as Error).stack}\n`);
      return 2;
    }
    write(1, error.stdout);
    write(2, error.stderr);
    return error.code;
  }
}

async function dispatch(): Promise<number> {
  const [word, ...rest] = argv[0]?.startsWith("-v") ? argv.slice(1) : argv;
  if (word === undefined || word === "-h" || word === "--help") {
    const { generalHelp } = await import("./commands/read/help.ts");
    write(1, generalHelp());
    return word === undefined ? 2 : 0;
  }
  const name = commandName(word);
  if (!name) {
    const complaint = `Error: Unknown command or alias '${word}' (try "multipass help" or "multipass aliases")\n`;
    throw new Exit(1, "", complaint);
  }
  const command = await loadCommand(name);
  const args = parseArguments(rest, command.options);
  if (args.unknown !== undefined) {
    const hint = name === "exec" && !args.separated ? EXEC_HINT : "";
    throw usage(`Unknown option '${args.unknown}'.${hint}`);
  }
  if (args.has("help")) {
    const { commandHelp } = await import("./commands/read/help.ts");
    write(1, commandHelp(name, command));
    return 0;
  }
  let fault: CallFault | undefined;
  if (process.env.VM_AGENT_SANDBOX_FAULTS) {
    const { chooseFault } = await import("./faults.ts");
    fault = await chooseFault(name, command.names?.(args) ?? args.positional);
  }
  try {
    const call = openCall(name, fault);
    if (fault) {
      const { beforeCommand } = await import("./fault-effects.ts");
      await beforeCommand(call, fault);
    }
    const code = await command.run(call, args);
    if (fault) {
      const { afterCommand } = await import("./fault-effects.ts");
      await afterCommand(fault);
    }
    return code;
  } catch (error) {
    if (error instanceof Refusal) throw new Exit(2, `${name} failed: ${error.message}\n`);
    throw error;
  }
}
