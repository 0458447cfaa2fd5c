/** Tasks from the command line: give one, watch its output, pass its exit code on; list and cancel. */
import { VmAgentError } from "../base/errors.ts";
import { type Api, ApiError } from "../../ui/client/api.ts";
import { needHub } from "./home.ts";
import { age, table } from "./output.ts";
import type { CommandRun, Invocation } from "./run.ts";

const FINAL = new Set(["succeeded", "failed", "timed-out", "cancelled", "expired", "lost"]);

export const task: CommandRun = async (invocation) => {
  const [name = "", json = ""] = invocation.args;
  let body: unknown;
  try {
    body = JSON.parse(json);
  } catch (error) {
    throw new VmAgentError({
      code: "task-not-json",
      message: `the task is not JSON: ${(error as Error).message}`,
      next: `quote it for your shell, as in: vm-agent task ${name || "NAME"} '{"type":"exec","command":"echo hello"}'`,
      exit: 64,
    });
  }
  return give(invocation, name, body, invocation.options.wait !== false);
};

export const exec: CommandRun = (invocation) => {
  const [name = "", ...rest] = invocation.args;
  const command = rest[0] === "--" ? rest.slice(1) : rest;
  if (command.length === 0) {
    throw new VmAgentError({
      code: "usage",
      message: "no command given",
      next: `vm-agent exec ${name || "NAME"} -- uname -a`,
      exit: 64,
    });
  }
  const { timeout, sudo } = invocation.options;
  // One word is a shell line, as the seed had it; several are arguments and are quoted so that they arrive as they are.
  const line = command.length === 1 ? command[0] : command.map(quote).join(" ");
  return give(
    invocation,
    name,
    {
      type: "exec",
      command: line,
      ...(timeout ? { timeout: Number(timeout) } : {}),
      ...(sudo ? { sudo: true } : {}),
    },
    true,
  );
};

const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

async function give(
  { settings, output, options }: Invocation,
  name: string,
  body: unknown,
  wait: boolean,
): Promise<number> {
  const { api } = await needHub(settings);
  const key = options.idempotencyKey as string | undefined;
  const accepted = await asked(() => api.submitTask(name, body, key));
  if (!wait) {
    output.out(output.json ? JSON.stringify(accepted) : `${accepted.taskId} ${accepted.status}`);
    return 0;
  }
  if (accepted.status === "queued")
    output.err(
      output.paint("dim", `queued: ${name} is busy or offline; waiting (Ctrl-C leaves the task queued)`),
    );
  await stream(api, accepted.taskId, output.json);
  const { task: done } = await api.getTask(accepted.taskId);
  if (output.json) output.out(JSON.stringify(done));
  if (done.state === "succeeded") return 0;
  if (!output.json && (done.state !== "failed" || done.exitCode === null)) {
    output.err(`${output.paint("bad", done.state)}${done.error ? `: ${done.error}` : ""}`);
  }
  return done.exitCode !== null && done.exitCode !== 0 ? done.exitCode : 1;
}

/** Prints the output as it comes; a lost connection is taken up again where it broke. */
async function stream(api: Api, id: string, quiet: boolean): Promise<void> {
  let last: string | null = null;
  for (let tries = 0; ; tries++) {
    try {
      for await (const event of api.events(api.outputPath(id), last, AbortSignal.timeout(24 * 3600_000))) {
        tries = 0;
        if (event.id) last = event.id;
        const chunk = event.data as { stream?: string; data?: string; encoding?: string };
        if (typeof chunk?.data !== "string" || quiet) continue;
        const data = chunk.encoding === "base64" ? Buffer.from(chunk.data, "base64") : chunk.data;
        (chunk.stream === "stderr" ? process.stderr : process.stdout).write(data);
      }
      const { task: now } = await api.getTask(id);
      if (FINAL.has(now.state)) return;
    } catch (error) {
      if (error instanceof ApiError || tries >= 30) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.min(100 * 2 ** tries, 2000)));
    }
  }
}

export const tasks: CommandRun = async ({ settings, output, options }) => {
  const { api } = await needHub(settings);
  const query = {
    limit: Number(options.limit ?? 20),
    ...(options.agent ? { agent: String(options.agent) } : {}),
  };
  const { tasks: all } = await asked(() => api.listTasks(query));
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
  ]);
  output.out(table([["ID", "AGENT", "TYPE", "STATE", "EXIT", "CREATED"], ...rows]));
  return 0;
};

export const cancel: CommandRun = async ({ settings, output, args }) => {
  const { api } = await needHub(settings);
  const answer = await asked(() => api.cancelTask(args[0] ?? ""));
  output.out(output.json ? JSON.stringify(answer) : `cancelling ${args[0]}`);
  return 0;
};

/** A problem that the hub answered, as our own error. */
export async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new VmAgentError({ code: error.code, message: error.message, next: error.next, cause: error });
  }
}
