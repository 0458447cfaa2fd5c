/** Process exit: the one place that ends a command. It drains stdout and stderr first, and routes signals and broken output. */
import { EXIT } from "../errors.ts";

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
export type EndSignal = keyof typeof NUMBERS;
const SIGNALS = Object.keys(NUMBERS) as readonly EndSignal[];

/** A shell's exit code for a process that SIGPIPE killed. */
const EXIT_PIPE = 141;
/** After an uncaught exception the state of the process is unknown: draining has this deadline then. Milliseconds. */
const CRASH_DRAIN_MS = 5000;

interface Handler {
  readonly signals: readonly EndSignal[];
  readonly handle: (signal: EndSignal) => void;
}

/** The newest handler of a signal gets it. */
const handlers = new Set<Handler>();
/** The exit code, once the process is ending. */
let ending: number | null = null;
let isSignalled = false;

/**
 * Ends the process with this code once all output of both streams has been read. Pipes are asynchronous on POSIX:
 * exiting at once loses what is beyond the 64 KiB of the pipe. Never settles; the first call decides the code.
 */
export function endProcess(code: number): Promise<never> {
  if (ending === null) {
    ending = code;
    const exit = () => process.exit(ending ?? code);
    drained().then(exit, exit);
  }
  return new Promise<never>(() => {});
}

async function drained(): Promise<void> {
  const streams = [process.stdout, process.stderr];
  const writes = streams.map(({ write }) => write);
  // The callback of a write comes after those of all earlier writes, and also when the stream is broken.
  const flushed = (stream: NodeJS.WriteStream) =>
    new Promise<void>((resolve) => {
      stream.write("", () => resolve());
      // A running command would be cut within a line. Writes to a terminal are synchronous.
      if (!stream.isTTY) stream.write = () => true;
    });
  await Promise.all(streams.map(flushed));
  // A failed write is reported one turn later.
  await new Promise((resolve) => setImmediate(resolve));
  // Listeners of "exit" may print a last line.
  for (const [i, stream] of streams.entries()) stream.write = writes[i] ?? stream.write;
}

/** Until disposed of, these signals go to `handle` instead of ending the process. A broken stdout counts as SIGTERM. */
export function onSignals(signals: readonly EndSignal[], handle: (signal: EndSignal) => void): Disposable {
  const handler: Handler = { signals, handle };
  handlers.add(handler);
  return { [Symbol.dispose]: () => void handlers.delete(handler) };
}

const handlerOf = (signal: EndSignal): Handler | undefined =>
  [...handlers].findLast(({ signals }) => signals.includes(signal));

/** Also while the process is ending, when output of commands is dropped. */
const report = (text: string): void =>
  void (Object.getPrototypeOf(process.stderr) as NodeJS.WriteStream).write.call(process.stderr, text);

/** From now on this module decides how the process ends. Called once. */
export function ownProcessEnd(): void {
  for (const signal of SIGNALS) process.on(signal, () => received(signal));
  let isBroken = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (isBroken) return;
    isBroken = true;
    if (error.code !== "EPIPE") {
      report(`error: the output cannot be written: ${error.message}\n  see whether its disk is full\n`);
      endWith(EXIT.failed);
    } else if (ending === null && handlerOf("SIGTERM")) handlerOf("SIGTERM")?.handle("SIGTERM");
    else endWith(EXIT_PIPE);
  });
  // There is no channel left to report this one.
  process.stderr.on("error", () => {});
  process.on("uncaughtException", (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    report(`error: vm-agent failed: ${text}\n  please report it with these lines\n`);
    setTimeout(() => process.exit(EXIT.failed), CRASH_DRAIN_MS);
    endWith(EXIT.failed);
  });
}

/** A signal during draining changes only the code; a second one ends the process at once. */
function received(signal: EndSignal): void {
  const code = 128 + NUMBERS[signal];
  const isRepeated = isSignalled;
  isSignalled = true;
  if (ending !== null) {
    if (isRepeated) process.exit(code);
    endWith(code);
    return;
  }
  const handler = handlerOf(signal);
  if (handler) handler.handle(signal);
  else endWith(code);
}

/** Ends the process with this code; a failure that is being reported keeps its own. */
function endWith(code: number): void {
  if (ending === 0) ending = code;
  void endProcess(code);
}
