/** Tasks on the command line: submit, watch, list and cancel. */
import { VmAgentError } from "../../base/errors.ts";
import { withCliErrors } from "../cli-errors.ts";
import { execDirect } from "./exec-direct.ts";
import { needHub } from "../system/home.ts";
import { numberOption, timeOption } from "../number-option.ts";
import { age, table } from "../output/output.ts";
import { withInput } from "./input.ts";
import { cancelOnSignal } from "./signals.ts";
import { queuedText, sayWhatItWaitsFor } from "./waits.ts";
import { readTask } from "./given.ts";
import { contentOf, stream, terminalSafe } from "./stream.ts";
import { openOutputFile, paced } from "./to-file.ts";
import { giveMany, readTarget } from "./many.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";

export const task: CommandRun = async (invocation) => {
  const { options } = invocation;
  const target = readTarget(options);
  const { name, task: asGiven, isFromStdin } = readTask(invocation, target !== null);
  if (target !== null && options.output !== undefined)
    throw usage("--output takes the output of one task, and several agents may do it");
  const body = isFromStdin ? asGiven : await withInput(asGiven, options, invocation.output);
  if (target !== null) return giveMany(invocation, target, body, options.wait !== false);
  return give(invocation, name, body, options.wait !== false);
};

/** Text at the end of `task --help`. */
export const taskHelp = async (): Promise<string> => (await import("./help.ts")).taskHelp();

export const exec: CommandRun = async (invocation) => {
  const [name = "", ...command] = invocation.args;
  if (command.length === 0) {
    throw new VmAgentError({
      code: "usage",
      message: "no command given",
      next: `vm-agent exec ${name || "NAME"} -- uname -a`,
      exit: 64,
    });
  }
  const { timeout, sudo } = invocation.options;
  // One word is a shell line; several are arguments, quoted so that they arrive unchanged.
  const line = command.length === 1 ? (command[0] ?? "") : command.map(quote).join(" ");
  if (invocation.options.direct) return execDirect(invocation, name, line);
  const body = {
    type: "exec",
    command: line,
    ...(timeout === undefined ? {} : { timeout: timeOption("--timeout", timeout) }),
    ...(sudo ? { sudo: true } : {}),
  };
  return give(invocation, name, await withInput(body, invocation.options, invocation.output), true);
};

const usage = (message: string): VmAgentError =>
  new VmAgentError({
    code: "usage",
    message,
    next: "vm-agent exec --output FILE NAME -- CMD…",
    exit: 64,
  });

const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

async function give(
  { settings, output, options }: Invocation,
  name: string,
  given: unknown,
  wait: boolean,
): Promise<number> {
  const { api } = await needHub(settings);
  const path = options.output as string | undefined;
  if (path !== undefined && !wait)
    throw usage("--output takes the output as it comes, and --no-wait does not wait");
  const body = path === undefined ? given : paced(given);
  const file = path === undefined ? null : await openOutputFile(path, options.force === true);
  const key = options.idempotencyKey as string | undefined;
  const submit = () => withCliErrors(() => api.submitTask(name, body, key));
  if (!wait) {
    const accepted = await submit();
    output.out(output.json ? JSON.stringify(accepted) : `${accepted.taskId} ${accepted.status}`);
    return 0;
  }
  using signalled = cancelOnSignal(api, output);
  const accepted = await submit();
  signalled.watch(accepted.taskId);
  if (accepted.status === "queued") output.err(output.paint("dim", await queuedText(api, accepted.taskId)));
  let missing = 0;
  {
    const say = (line: string) => process.stderr.isTTY && output.err(output.paint("dim", line));
    using _waits = sayWhatItWaitsFor(api, accepted.taskId, say);
    if (file === null) await stream(api, accepted.taskId, output.json);
    else missing = await file.receive(api, accepted.taskId);
  }
  const { task: done } = await api.getTask(accepted.taskId);
  const content = contentOf(done);
  if (output.json) output.out(JSON.stringify(done));
  else if (content !== null) terminalSafe().write(content, "stdout");
  if (done.state === "succeeded") return missing > 0 ? 1 : 0;
  if (!output.json && (done.state !== "failed" || done.exitCode === null)) {
    output.err(`${output.paint("bad", done.state)}${done.error ? `: ${done.error}` : ""}`);
  }
  if (signalled.exit !== null && done.state === "cancelled") return signalled.exit;
  return done.exitCode !== null && done.exitCode !== 0 ? done.exitCode : 1;
}

export const tasks: CommandRun = async ({ settings, output, options }) => {
  const query = {
    limit: numberOption("--limit", options.limit, 1, 1000),
    ...(options.agent ? { agent: String(options.agent) } : {}),
  };
  const { api } = await needHub(settings);
  const { tasks: all } = await withCliErrors(() => api.listTasks(query));
  if (output.json) {
    output.out(JSON.stringify(all));
    return 0;
  }
  if (all.length === 0) {
    output.out("No tasks yet.");
    return 0;
  }
  const now = Date.now();
  const rows = all.map((t) => [
    t.id,
    t.agent,
    t.type,
    t.state,
    t.exitCode === null ? "–" : String(t.exitCode),
    `${age(now - t.createdAt)} ago`,
    ...(t.waits ? [t.waits] : []),
  ]);
  const heads = ["ID", "AGENT", "TYPE", "STATE", "EXIT", "CREATED"];
  output.out(table([all.some((t) => t.waits) ? [...heads, "WAITS FOR"] : heads, ...rows]));
  return 0;
};

export const cancel: CommandRun = async ({ settings, output, args }) => {
  const { api } = await needHub(settings);
  const answer = await withCliErrors(() => api.cancelTask(args[0] ?? ""));
  output.out(output.json ? JSON.stringify(answer) : `cancelling ${answer.taskId}`);
  return 0;
};
