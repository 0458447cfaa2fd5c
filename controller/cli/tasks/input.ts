/** Standard input as the input of a task: read completely before the task is submitted, because it is part of it. */
import { fstatSync, type Stats } from "node:fs";
import { isUtf8 } from "node:buffer";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import type { Output } from "../output/output.ts";

/** The hub's limit. */
const MOST_BYTES = 2 * 1024 * 1024;
/** An open pipe without data is refused after this time: a program must not wait for a writer that never comes. */
const SILENCE_MS = 10_000;
/** For tasks that take no input: data in a pipe is available by then. */
const GLANCE_MS = 250;
/** From then on the wait is shown to a person. */
const TELL_MS = 3000;

/** Task types that run a program. */
export const TAKE_INPUT: ReadonlySet<unknown> = new Set(["exec", "script", "build", "test", "deploy"]);

export interface InputOptions {
  /** `--stdin` true, `--no-stdin` false. */
  readonly stdin?: unknown;
}

/** The task with the standard input of this process, if there is any. */
export async function withInput(body: unknown, { stdin }: InputOptions, output: Output): Promise<unknown> {
  const source = stdin === false ? null : inputKind(stdin === true);
  if (source === null || typeof body !== "object" || body === null) return body;
  const { type, stdin: own } = body as { readonly type?: unknown; readonly stdin?: unknown };
  if (!TAKE_INPUT.has(type) || own !== undefined) {
    if (stdin !== true && source === "file") return body;
    if (stdin !== true && (await firstBytes(GLANCE_MS)) !== "data") return body;
    throw usage(
      own === undefined
        ? `there is standard input, and tasks of type ${String(type)} take none`
        : "there is standard input, and the task has its own stdin",
      "leave one of them out; --no-stdin ignores standard input",
    );
  }
  if (source === "pipe" && stdin !== true && (await firstBytes(SILENCE_MS)) === "nothing")
    throw usage(
      `standard input is an open pipe on which nothing came for ${SILENCE_MS / 1000} s; nothing was run`,
      "--no-stdin runs without it, --stdin waits for it as long as it takes",
    );
  const bytes = await readInput(output);
  if (bytes.length === 0) return body;
  return isUtf8(bytes)
    ? { ...body, stdin: bytes.toString("utf8") }
    : { ...body, stdin: bytes.toString("base64"), stdinEncoding: "base64" };
}

/** null: a terminal without `-i`, closed, or a device such as /dev/null. */
function inputKind(isAsked: boolean): "file" | "pipe" | "terminal" | null {
  let about: Stats;
  try {
    about = fstatSync(0);
  } catch {
    return null;
  }
  if (process.stdin.isTTY) return isAsked ? "terminal" : null;
  if (about.isFile()) return "file";
  return about.isFIFO() || about.isSocket() ? "pipe" : null;
}

/** The pipe's data after at most this time. */
function firstBytes(ms: number): Promise<"data" | "end" | "nothing"> {
  const { stdin } = process;
  return new Promise((resolve) => {
    const done = (found: "data" | "end" | "nothing") => {
      clearTimeout(timer);
      stdin.off("readable", look);
      stdin.off("end", ended);
      stdin.off("error", ended);
      if (found === "nothing") stdin.unref();
      resolve(found);
    };
    const look = () => {
      if (stdin.readableLength > 0) done("data");
      // Triggers the end event of the stream.
      else stdin.read();
    };
    const ended = () => done("end");
    const timer = setTimeout(() => done("nothing"), ms);
    stdin.on("readable", look);
    stdin.on("end", ended);
    stdin.on("error", ended);
  });
}

async function readInput(output: Output): Promise<Buffer> {
  const tell = setTimeout(() => {
    if (process.stderr.isTTY) output.err(output.paint("dim", "reads standard input to its end first"));
  }, TELL_MS);
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of process.stdin as AsyncIterable<Buffer>) {
      parts.push(part);
      size += part.length;
      if (size > MOST_BYTES)
        throw usage(
          `standard input is larger than ${MOST_BYTES / 1024 / 1024} MiB, which is the most that a task takes`,
          "copy it into the instance first, as in: vm-agent multipass transfer FILE NAME:PATH",
        );
    }
  } finally {
    clearTimeout(tell);
  }
  return Buffer.concat(parts);
}

const usage = (message: string, next: string): VmAgentError =>
  new VmAgentError({ code: "usage", message, next, exit: EXIT.usage });
