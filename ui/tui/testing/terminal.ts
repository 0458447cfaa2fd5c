/** Both ends of a terminal that is none: what is written is kept, keys are sent, the size can change. */
import { PassThrough, Writable } from "node:stream";

export interface FakeTerminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  send(keys: string): void;
  resize(columns: number, rows: number): void;
  /** All output so far. */
  written(): string;
}

export function fakeTerminal(columns: number, rows: number): FakeTerminal {
  let all = "";
  const stdout = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        all += chunk.toString();
        done();
      },
    }),
    { columns, rows, isTTY: true },
  );
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: () => stdin,
    ref: () => stdin,
    unref: () => stdin,
  });
  return {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    send: (keys) => void stdin.write(keys),
    resize(nextColumns, nextRows) {
      Object.assign(stdout, { columns: nextColumns, rows: nextRows });
      stdout.emit("resize");
    },
    written: () => all,
  };
}
