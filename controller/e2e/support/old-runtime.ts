/** The first generation's runtime, written from the contract alone: nothing of ours is in it. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import WebSocket from "ws";
import { until } from "./harness.ts";

// biome-ignore lint/suspicious/noExplicitAny: its clients were written in JavaScript, and read what came as it came.
export type Json = Record<string, any>;

/** Registered by hand, it connects to its wsUrl, runs what comes with a shell, answers, and reports its health. */
export class OldRuntime {
  readonly id: string;
  readonly frames: Json[] = [];
  closed = false;
  #socket: WebSocket;

  constructor(id: string, wsUrl: string) {
    this.id = id;
    this.#socket = new WebSocket(wsUrl);
    this.#socket.on("message", (data) => this.#message(JSON.parse(String(data)) as Json));
    this.#socket.on("close", () => (this.closed = true));
    this.#socket.on("error", () => {});
  }

  send(to: string, type: string, payload: Json): void {
    const id = `${this.id}-${this.frames.length}-${type}`;
    this.#socket.send(JSON.stringify({ id, from: this.id, to, type, timestamp: Date.now(), payload }));
  }

  /** As its own program ends: with a closing handshake. */
  close(): void {
    this.#socket.close();
  }

  /** As a network that fails. */
  cut(): void {
    this.#socket.terminate();
  }

  async #message(frame: Json): Promise<void> {
    this.frames.push(frame);
    if (frame.type !== "task") return;
    const { taskId, ...task } = frame.payload as Json;
    const begun = Date.now();
    try {
      const result = await this.#run(task);
      this.send("host", "response", { taskId, success: true, result, duration: Date.now() - begun });
    } catch (error) {
      this.send("host", "response", { taskId, success: false, error: (error as Error).message });
    }
  }

  async #run(task: Json): Promise<Json> {
    switch (task.type) {
      case "file:read": {
        const content = await readFile(task.filePath, "utf8");
        return { filePath: task.filePath, content, size: content.length };
      }
      case "file:write":
        await writeFile(task.filePath, task.content);
        return { filePath: task.filePath, size: task.content.length };
      case "exec":
      case "build":
      case "test":
      case "deploy":
        return new Promise((resolve, reject) => {
          const options = { cwd: task.cwd, timeout: task.timeout, env: { ...process.env, ...task.env } };
          execFile("/bin/sh", ["-c", task.command], options, (error, stdout, stderr) =>
            error
              ? reject(new Error(`Command failed: ${task.command}\n${stderr}`))
              : resolve({ stdout, stderr, exitCode: 0 }),
          );
        });
      default:
        throw new Error(`Unknown task type: ${task.type}`);
    }
  }

  next(type: string, fits: (frame: Json) => boolean = () => true): Promise<Json> {
    return until(`${this.id} gets a frame of type ${type}`, () =>
      this.frames.find((frame) => frame.type === type && fits(frame)),
    );
  }
}
