// The client's spinner, which Multipass writes to stdout whether or not that is a terminal.
import { CLEAR, write } from "./output.ts";

const FRAMES = ["/", "-", "\\", "|"] as const;
const FRAME_MS = 100;

export class Spinner {
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;

  /** Shows a message; an earlier one is cleared first. */
  start(message: string): void {
    if (this.#timer) this.stop();
    write(1, `${CLEAR}${message}  `);
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), FRAME_MS);
  }

  /** Prints text on a line of its own. */
  print(text: string): void {
    this.stop();
    write(1, text);
  }

  /** Clears the message; without one it still writes one clear-line sequence, as the original does. */
  stop(): void {
    if (this.#timer) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      write(1, `\b ${CLEAR}`);
    } else {
      write(1, CLEAR);
    }
  }

  #tick(): void {
    write(1, `\b${FRAMES[this.#frame % FRAMES.length]}`);
    this.#frame += 1;
  }
}

/** Runs work under a message, in the way of most commands: one clear-line sequence at the end, one more after a failure. */
export async function withSpinner<T>(message: string, work: (spinner: Spinner) => Promise<T>): Promise<T> {
  const spinner = new Spinner();
  spinner.start(message);
  try {
    const result = await work(spinner);
    spinner.stop();
    return result;
  } catch (error) {
    spinner.stop();
    spinner.stop();
    throw error;
  }
}
