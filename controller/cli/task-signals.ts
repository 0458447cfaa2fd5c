/** What Ctrl-C and SIGTERM mean while a task is watched: the first cancels it, the second leaves it to itself. */
import type { Api } from "../../ui/client/api.ts";
import type { Output } from "./output.ts";

const EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/** Until it is disposed of. `exit`: what the signal makes of the exit code; null: none came. */
export function cancelOnSignal(
  api: Api,
  id: string,
  output: Output,
): Disposable & { readonly exit: number | null } {
  let exit: number | null = null;
  const handle = (signal: keyof typeof EXIT) => {
    if (exit !== null) {
      output.err(`left as it is; vm-agent cancel ${id} cancels it, vm-agent tasks shows how it ends`);
      process.exit(EXIT[signal]);
    }
    exit = EXIT[signal];
    output.err("cancelling the task; again to leave it running");
    api.cancelTask(id).catch((error: unknown) => {
      // One that is over by then cannot be cancelled, and is told of as it ended.
      output.err(`it was not cancelled: ${(error as Error).message}`);
    });
  };
  const onInt = () => handle("SIGINT");
  const onTerm = () => handle("SIGTERM");
  process.on("SIGINT", onInt);
  process.on("SIGTERM", onTerm);
  return {
    get exit() {
      return exit;
    },
    [Symbol.dispose]() {
      process.off("SIGINT", onInt);
      process.off("SIGTERM", onTerm);
    },
  };
}
