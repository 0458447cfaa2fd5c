/**
 * `vm-agent logs NAME`: the runtime's log through the hub, or with --direct its journal through Multipass, which never
 * starts an instance.
 */
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { handOver } from "../../base/process/hand-over.ts";
import { printable } from "../../base/printable.ts";
import { ApiError } from "../../../ui/client/api.ts";
import type { LogQuery } from "../../../ui/client/calls.ts";
import { needHub } from "../system/home.ts";
import { numberOption } from "../number-option.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { withCliErrors } from "../cli-errors.ts";
import { openContext } from "../system/command-context.ts";
import { backoff } from "../../../schemas/backoff.ts";

/** Delay between two attempts to reach the hub. */
const RETRY = { firstMs: 100, lastMs: 2000 } as const;

interface Line {
  readonly seq: number;
  readonly at: number;
  readonly level: string;
  readonly message: string;
}

const UNIT = "vm-agent.service";

export const logs: CommandRun = async (invocation) => {
  const [name = ""] = invocation.args;
  const lines = numberOption("--lines", invocation.options.lines, 1, 100_000);
  if (invocation.options.direct) return direct(invocation, name, lines);
  const query = { lines: Math.min(lines, 500) };
  if (invocation.options.follow) return follow(invocation, name, query);
  const { api } = await needHub(invocation.settings);
  const page = await withCliErrors(() => api.readLog(name, query));
  for (const line of page.lines) print(invocation, line);
  return EXIT.done;
};

function print({ output }: Invocation, line: Line): void {
  if (output.json) {
    output.out(JSON.stringify(line));
    return;
  }
  const level = printable(line.level).padEnd(5);
  const shown = line.level === "error" ? output.paint("bad", level) : level;
  output.out(`${output.paint("dim", timeOf(line.at))} ${shown} ${printable(line.message)}`);
}

/** An older hub may forward an invalid date. */
const timeOf = (at: number): string => (Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : "no date");

/** Until Ctrl-C. A lost hub or runtime is waited for; the log resumes by line number. */
async function follow(invocation: Invocation, name: string, query: LogQuery): Promise<number> {
  const { settings, output } = invocation;
  let last: string | null = null;
  for (let tries = 0; ; tries++) {
    try {
      // Looked up each time: a restarted hub may have another port.
      const { api } = await needHub(settings);
      const endless = new AbortController().signal;
      const onOpen = () => {
        tries = 0;
      };
      for await (const event of api.events(api.logPath(name, query), last, endless, {
        onOpen,
        idle: 60_000,
      })) {
        if (event.id) last = event.id;
        if (event.event === "log") print(invocation, event.data as Line);
        else if (event.event === "gap")
          output.err(`(${(event.data as { lines: number }).lines} older lines are gone)`);
        else if (event.event === "reset") output.err("(another log begins: the instance is not the same)");
      }
    } catch (error) {
      // The first attempt reports an error; a later failure means that the hub is away.
      if (error instanceof ApiError && error.status < 500) await withCliErrors(() => Promise.reject(error));
      if (last === null && tries === 0) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, backoff(RETRY, tries + 1)));
  }
}

async function direct({ settings, options }: Invocation, name: string, lines: number): Promise<number> {
  await using world = await openContext(settings, {});
  const { driver, executable } = await world.selection();
  // `exec` would start an instance that is off.
  const seen = await driver.list();
  const state = seen.kind === "seen" ? seen.instances.find((i) => i.name === name)?.state : undefined;
  if (state !== "Running") {
    throw new VmAgentError({
      code: seen.kind === "seen" ? "wrong-state" : "unobservable",
      message:
        seen.kind === "seen"
          ? `the instance "${name}" is ${state ?? "absent"}; its journal is read from a running one`
          : `it cannot be seen whether "${name}" runs: ${seen.reason}`,
      next: "start it, or read what the hub has by vm-agent logs without --direct",
      exit: seen.kind === "seen" ? EXIT.failed : EXIT.unreachable,
    });
  }
  const journal = ["sudo", "journalctl", "--unit", UNIT, "--lines", String(lines), "--no-pager"];
  const command = ["exec", "--no-map-working-directory", name, "--", ...journal];
  const args = [...executable.args, ...command, ...(options.follow ? ["--follow"] : [])];
  return handOver(executable.file, args, executable.env);
}
