/** Ctrl-C and SIGTERM while tasks are watched: the first cancels all running tasks, the second leaves them running. */
import { inBackground } from "../../base/background.ts";
import type { Api } from "../../../ui/client/api.ts";
import { type EndSignal, endProcess, onSignals } from "../../base/process/process-end.ts";
import type { Output } from "../output/output.ts";

const EXIT = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface Signalled extends Disposable {
  /** The exit code after a signal; null: none came. */
  readonly exit: number | null;
  /** Watches this task; one submitted during a signal is cancelled, too. */
  watch(id: string): void;
  /** It has ended, and needs no cancel. */
  ended(id: string): void;
}

/** From before the submission until disposed of, so that no task is left behind by a signal in between. */
export function cancelOnSignal(api: Pick<Api, "cancelTask">, output: Pick<Output, "err">): Signalled {
  const open = new Set<string>();
  let exit: number | null = null;
  const cancel = (id: string) =>
    inBackground(api.cancelTask(id), (error) => {
      // A task that has ended by then cannot be cancelled, and is reported with its own result.
      if (open.has(id)) output.err(`${id} was not cancelled: ${(error as Error).message}`);
    });
  const handle = (signal: EndSignal) => {
    if (exit !== null) {
      output.err(left([...open]));
      void endProcess(EXIT[signal]);
      return;
    }
    exit = EXIT[signal];
    output.err(
      open.size > 1
        ? `cancelling ${open.size} tasks; again to leave them running`
        : "cancelling the task; again to leave it running",
    );
    for (const id of open) cancel(id);
  };
  const signals = onSignals(["SIGINT", "SIGTERM"], handle);
  return {
    get exit() {
      return exit;
    },
    watch(id) {
      open.add(id);
      if (exit !== null) cancel(id);
    },
    ended: (id) => void open.delete(id),
    [Symbol.dispose]() {
      signals[Symbol.dispose]();
    },
  };
}

function left(ids: readonly string[]): string {
  const [only] = ids;
  const how = "vm-agent tasks shows how";
  if (ids.length === 1) return `left as it is; vm-agent cancel ${only} cancels it, ${how} it ends`;
  const each = ids.map((id) => `\n  vm-agent cancel ${id}`).join("");
  return `left as they are; ${how} they end, and these cancel them:${each}`;
}
