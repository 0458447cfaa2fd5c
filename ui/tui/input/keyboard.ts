/** Keyboard input for Ink, paused while another program has the terminal. */
import { PassThrough } from "node:stream";

export interface Keyboard {
  readonly stdin: NodeJS.ReadStream;
  /** Resolves when nothing more is read from the terminal. */
  hold(): Promise<void>;
  release(): void;
  close(): void;
}

/**
 * Ink reads a stream that it does not own by `readable`, and such a stream goes on reading the terminal when its listener
 * is gone: what is typed for a shell would come to us, and stop us as a background process. One that flows can be paused.
 */
export function keyboardOf(terminal: NodeJS.ReadStream): Keyboard {
  const through = new PassThrough();
  const stdin = Object.assign(through, {
    isTTY: true,
    setRawMode: (on: boolean) => {
      terminal.setRawMode(on);
      return stdin;
    },
    ref: () => {
      terminal.ref();
      return stdin;
    },
    unref: () => {
      terminal.unref();
      return stdin;
    },
  });
  const onData = (chunk: Buffer): void => void through.write(chunk);
  terminal.on("data", onData);
  return {
    stdin: stdin as unknown as NodeJS.ReadStream,
    hold: () => {
      terminal.pause();
      return new Promise((resolve) => setImmediate(resolve));
    },
    release: () => void terminal.resume(),
    close: () => {
      terminal.off("data", onData);
      terminal.pause();
    },
  };
}
