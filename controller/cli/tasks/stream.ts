/** Streams the output of a task, over lost connections. */
import { createTerminalFilter } from "../../base/printable.ts";
import { type Api, ApiError } from "../../../ui/client/api.ts";
import type { TaskView as Task } from "../../../schemas/types.ts";
import { gapBytes, gapText } from "../../../ui/client/output-text.ts";
import { backoff } from "../../../schemas/backoff.ts";

/** Delay between two attempts to reach the hub. */
const RETRY = { firstMs: 100, lastMs: 2000 } as const;

const FINAL = new Set(["succeeded", "failed", "timed-out", "cancelled", "expired", "lost"]);

/** The destination of output. */
export interface Sink {
  write(data: string | Buffer, stream: "stdout" | "stderr"): void;
  /** The mark says how much was discarded at this place. */
  gap(text: string): void;
}

/** A pipe gets every byte; a terminal the text with its colours, and no other control sequence. */
export function terminalSafe(): Sink {
  const filters = { stdout: createTerminalFilter(), stderr: createTerminalFilter() };
  return {
    write: (data, name) => {
      const to = process[name];
      to.write(to.isTTY ? filters[name].push(data.toString()) : data);
    },
    gap: (text) => void process.stderr.write(`${text}\n`),
  };
}

/** Content of a file:read task, byte for byte; null: none. */
export function contentOf({ type, result }: Pick<Task, "type" | "result">): Buffer | null {
  const { content, encoding } = result ?? {};
  if (type !== "file:read" || typeof content !== "string") return null;
  return Buffer.from(content, encoding === "base64" ? "base64" : "utf8");
}

/** Prints the output as it comes; resumes after a lost connection. */
export async function stream(
  api: Api,
  id: string,
  quiet: boolean,
  sink: Sink = terminalSafe(),
): Promise<void> {
  let last: string | null = null;
  for (let tries = 0; ; tries++) {
    try {
      for await (const event of api.events(api.outputPath(id), last, AbortSignal.timeout(24 * 3600_000))) {
        tries = 0;
        if (event.id) last = event.id;
        const chunk = event.data as { stream?: string; data?: string; encoding?: string; gap?: unknown };
        if (typeof chunk?.data !== "string" || quiet) continue;
        const missing = gapBytes(chunk.gap);
        if (missing > 0) sink.gap(gapText(missing));
        const data = chunk.encoding === "base64" ? Buffer.from(chunk.data, "base64") : chunk.data;
        sink.write(data, chunk.stream === "stderr" ? "stderr" : "stdout");
      }
      const { task: now } = await api.getTask(id);
      if (FINAL.has(now.state)) return;
    } catch (error) {
      if (error instanceof ApiError || tries >= 30) throw error;
      await new Promise((resolve) => setTimeout(resolve, backoff(RETRY, tries + 1)));
    }
  }
}
