/** A task for a selected agent or for several at once: each line of output under its agent's name. */
import { StringDecoder } from "node:string_decoder";
import { VmAgentError } from "../../base/errors.ts";
import { needHub } from "../system/home.ts";
import type { Output } from "../output/output.ts";
import type { Invocation } from "../command-spec.ts";
import { withCliErrors } from "../cli-errors.ts";
import { cancelOnSignal } from "./signals.ts";
import { type Sink, contentOf, stream } from "./stream.ts";
import { queuedText, sayWhatItWaitsFor } from "./waits.ts";

export interface Chosen {
  readonly capability?: string;
  readonly selector?: Readonly<Record<string, unknown>>;
  readonly agents?: string[];
  readonly pick?: "one" | "all";
}

/** null: an agent is named. */
export function readTarget(options: Invocation["options"]): Chosen | null {
  const { capability, selector, agents, all } = options;
  const ways = [capability, selector, agents].filter((way) => way !== undefined);
  if (ways.length > 1) throw usage("choose one of --capability, --selector and --agents");
  const pick = all ? ({ pick: "all" } as const) : {};
  if (capability !== undefined) return { capability: String(capability), ...pick };
  if (selector !== undefined) return { selector: readSelector(String(selector)) };
  if (agents !== undefined) return { agents: String(agents).split(",").filter(Boolean) };
  return all ? { selector: {} } : null;
}

/** `type=builder,team=web`: `type` is the agent's type, everything else a label. */
function readSelector(text: string): Readonly<Record<string, unknown>> {
  const labels: Record<string, string> = {};
  let type: string | undefined;
  for (const pair of text.split(",").filter(Boolean)) {
    const at = pair.indexOf("=");
    if (at < 1) throw usage(`"${pair}" is no key=value`);
    const [key, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (key === "type") type = value;
    else labels[key] = value;
  }
  return { ...(type !== undefined && { type }), labels };
}

const usage = (message: string): VmAgentError =>
  new VmAgentError({
    code: "usage",
    message,
    next: `vm-agent task --selector type=builder,team=web '{"type":"exec","command":"uname -a"}'`,
    exit: 64,
  });

/** Exits with 0 only when all succeeded; for one agent, with its task's exit code. */
export async function giveMany(
  { settings, output, options }: Invocation,
  target: Chosen,
  body: unknown,
  wait: boolean,
): Promise<number> {
  const { api } = await needHub(settings);
  const key = options.idempotencyKey as string | undefined;
  const submit = () => withCliErrors(() => api.submitWhereFits(target, body, key));
  if (!wait) {
    const { tasks } = await submit();
    if (output.json) output.out(JSON.stringify({ tasks }));
    else for (const { agent, taskId, status } of tasks) output.out(`${agent} ${taskId} ${status}`);
    return 0;
  }
  using signalled = cancelOnSignal(api, output);
  const { tasks } = await submit();
  for (const { taskId } of tasks) signalled.watch(taskId);
  const ended = await Promise.all(
    tasks.map(async ({ taskId, agent, status }) => {
      const lines = prefixed(agent, output);
      if (status === "queued") lines.note(await queuedText(api, taskId));
      {
        using _waits = sayWhatItWaitsFor(api, taskId, (line) => process.stderr.isTTY && lines.note(line));
        await stream(api, taskId, output.json, lines.sink);
      }
      signalled.ended(taskId);
      const { task } = await api.getTask(taskId);
      const content = contentOf(task);
      if (content !== null && !output.json) lines.sink.write(content, "stdout");
      lines.end();
      return task;
    }),
  );
  if (output.json) output.out(JSON.stringify({ tasks: ended }));
  const failed = ended.filter(({ state }) => state !== "succeeded");
  if (!output.json) {
    for (const { agent, state, exitCode, error } of failed) {
      const code = exitCode === null ? "" : ` with ${exitCode}`;
      output.err(`${agent}: ${output.paint("bad", state)}${code}${error ? `: ${error}` : ""}`);
    }
  }
  const [only] = failed;
  if (!only) return 0;
  if (signalled.exit !== null && failed.some(({ state }) => state === "cancelled")) return signalled.exit;
  return ended.length === 1 && only.exitCode ? only.exitCode : 1;
}

/** Whole lines with a name, so that those of several agents do not mix. */
function prefixed(
  name: string,
  output: Output,
): { readonly sink: Sink; readonly note: (line: string) => void; readonly end: () => void } {
  const open = { stdout: "", stderr: "" };
  const decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() };
  const print = (line: string, to: keyof typeof open) => {
    const text = `${output.paint("dim", `${name} |`)} ${line}`;
    // As for one agent: a pipe gets every byte, a terminal only colours, which end with their line.
    if (process[to].isTTY)
      (to === "stderr" ? output.err : output.out)(line.includes("\x1b") ? `${text}\x1b[0m` : text);
    else process[to].write(`${text}\n`);
  };
  const note = (line: string) => print(output.paint("dim", line), "stderr");
  const end = () => {
    for (const to of ["stdout", "stderr"] as const) {
      if (open[to] !== "") print(open[to], to);
      open[to] = "";
    }
  };
  return {
    note,
    sink: {
      write: (data, to) => {
        const lines = (open[to] + (typeof data === "string" ? data : decoders[to].write(data))).split("\n");
        open[to] = lines.pop() ?? "";
        for (const line of lines) print(line, to);
      },
      gap: (text) => {
        end();
        note(text);
      },
    },
    end,
  };
}
