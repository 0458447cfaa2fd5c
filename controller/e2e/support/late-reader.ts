/** A command on two real pipes whose readers take the first piece of output and then nothing for two seconds. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LATE_MS = 2000;

export interface LateResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `meanwhile` runs when the first output is there and is not read on; `closes`: then the reader of stdout closes. */
export async function readLate(
  argv: readonly string[],
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly meanwhile?: (child: ChildProcess) => void;
    readonly closes?: true;
  },
): Promise<LateResult> {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-pipes-"));
  const pipes = [openPipe(join(folder, "out")), openPipe(join(folder, "err"))] as const;
  const [file = "", ...args] = argv;
  const child = spawn(file, args, {
    env: options.env,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    stdio: ["ignore", pipes[0].writer, pipes[1].writer],
  });
  const closed = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  for (const { writer } of pipes) closeSync(writer);
  const readers = pipes.map(({ reader }) => new Socket({ fd: reader, readable: true, writable: false }));
  try {
    await Promise.race([...readers.map((reader) => once(reader, "readable")), closed]);
    options.meanwhile?.(child);
    if (options.closes) readers[0]?.destroy();
    await new Promise((resolve) => setTimeout(resolve, LATE_MS));
    const [stdout = "", stderr = ""] = await Promise.all(readers.map(textOf));
    const [code, signal] = await closed;
    return { code, signal, stdout, stderr };
  } finally {
    child.kill("SIGKILL");
    for (const reader of readers) reader.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function textOf(reader: Socket): Promise<string> {
  if (reader.destroyed) return "";
  const parts: Buffer[] = [];
  for await (const part of reader) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}

/** A pipe with 64 KiB as a shell makes it; what `spawn` makes are sockets, which hold more. */
function openPipe(path: string): { readonly reader: number; readonly writer: number } {
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, constants.O_WRONLY) };
}
