/** What becomes of a command whose output cannot be written: a reader that is gone ends it quietly, anything else is an error. */
import { EXIT } from "../base/errors.ts";

/** As a shell tells of a process that SIGPIPE ended. */
const EXIT_PIPE = 141;

/** From now on. A task that is watched, a hub that runs here: whoever heeds SIGTERM ends by its own way then. */
export function endWithOutput(): void {
  let isBroken = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (isBroken) return;
    isBroken = true;
    if (error.code === "EPIPE") {
      if (process.listenerCount("SIGTERM") > 0) process.emit("SIGTERM", "SIGTERM");
      else process.exit(EXIT_PIPE);
      return;
    }
    process.stderr.write(
      `error: the output cannot be written: ${error.message}\n  see whether its disk is full\n`,
    );
    process.exit(EXIT.failed);
  });
  // Where errors are told, nothing can be told of this one.
  process.stderr.on("error", () => {});
}

/** Writes that failed are told of a moment later: a command must not end well before it was. */
export const writesAreDone = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
