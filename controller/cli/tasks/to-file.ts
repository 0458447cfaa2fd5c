/** `--output FILE`: a task's whole standard output on this disk, paced by its writes. */
import { existsSync, rmSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { type Api, ApiError } from "../../../ui/client/api.ts";
import { decimalSize, gapBytes, gapText } from "../../../ui/client/output-text.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { TAKE_INPUT as RUN_PROGRAMS } from "./input.ts";
import { backoff } from "../../../schemas/backoff.ts";

/** Delay between two attempts to reach the hub. */
const RETRY = { firstMs: 100, lastMs: 2000 } as const;

export interface OutputFile {
  /** Takes all output of a task; resolves with the missing bytes, when it has ended. */
  receive(api: Api, taskId: string): Promise<number>;
}

/** The task with paced output, so that none is discarded while it is taken. */
export function paced(body: unknown): unknown {
  const { type } = (body ?? {}) as { readonly type?: unknown };
  if (RUN_PROGRAMS.has(type)) return { ...(body as object), output: "paced" };
  throw usage(
    `--output is for tasks that run a program, not for ${String(type)}`,
    "leave it out; --json has the result",
  );
}

/**
 * Refuses an existing file before the task is submitted. With `force` the old file stays until the new one is complete.
 */
export async function openOutputFile(path: string, force: boolean): Promise<OutputFile> {
  const replaces = force && existsSync(path);
  const target = replaces ? `${path}.part` : path;
  const handle = await open(target, replaces ? "w" : "wx").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST")
      throw usage(`${path} exists`, "name another file, or replace it with --force");
    throw usage(
      `${path} cannot be written: ${error.message}`,
      "name a file in a folder that this user may write to",
    );
  });
  let written = 0;
  let isGiven = false;
  let isWhole = false;
  // Also when a second Ctrl-C ends this process.
  const tell = () => {
    if (isWhole) return;
    // The task was refused: there will be no output.
    if (!isGiven) return rmSync(target, { force: true });
    const rest = replaces ? `; ${path} is as it was` : "";
    process.stderr.write(`${target} has the first ${decimalSize(written)} of the output${rest}\n`);
  };
  process.on("exit", tell);
  return {
    async receive(api, taskId) {
      isGiven = true;
      const write = async (bytes: Buffer) => {
        await writeAll(handle, bytes, target);
        written += bytes.length;
      };
      const missing = await takeAll(api, taskId, write);
      await handle.close();
      const { state } = (await api.getTask(taskId)).task;
      isWhole = missing === 0 && (state === "succeeded" || state === "failed");
      if (isWhole && replaces) await rename(target, path);
      return missing;
    },
  };
}

async function takeAll(api: Api, id: string, write: (bytes: Buffer) => Promise<void>): Promise<number> {
  let place = "";
  let missing = 0;
  for (let tries = 0; ; ) {
    let taken: Awaited<ReturnType<Api["takeOutput"]>>;
    try {
      taken = await api.takeOutput(id, place);
    } catch (error) {
      if (error instanceof ApiError || tries >= 30) throw error;
      await new Promise((resolve) => setTimeout(resolve, backoff(RETRY, tries + 1)));
      tries += 1;
      continue;
    }
    tries = 0;
    if (taken.end !== null) return missing;
    const parts: Buffer[] = [];
    for (const { stream, data, encoding, gap } of taken.chunks) {
      const bytes = Buffer.from(data, encoding ?? "utf8");
      const lost = gapBytes(gap);
      missing += lost;
      if (lost > 0) process.stderr.write(`${gapText(lost)}\n`);
      if (stream === "stdout") parts.push(bytes);
      else if (!process.stderr.write(bytes))
        await new Promise((resolve) => process.stderr.once("drain", resolve));
    }
    // A part on disk is acknowledged by the next request, and not before.
    if (parts.length > 0) await write(Buffer.concat(parts));
    place = taken.next;
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, path: string): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += (await handle.write(bytes, at)).bytesWritten;
    } catch (error) {
      throw new VmAgentError({
        code: "output-unwritable",
        message: `${path} cannot be written: ${(error as Error).message}`,
        next: "make room; the task goes on without a reader, vm-agent tasks shows it and vm-agent cancel ID ends it",
        exit: EXIT.failed,
      });
    }
  }
}

const usage = (message: string, next: string): VmAgentError =>
  new VmAgentError({ code: "usage", message, next, exit: EXIT.usage });
