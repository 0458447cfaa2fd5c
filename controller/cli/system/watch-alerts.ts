/** Warnings about the limit of file watches. */
import type { WatchLimit } from "../../fleet/watch-files.ts";
import type { Alert } from "../../store/protection/loss.ts";

const SETTING: Readonly<Record<WatchLimit, { readonly name: string; readonly value: number }>> = {
  EMFILE: { name: "fs.inotify.max_user_instances", value: 1024 },
  ENOSPC: { name: "fs.inotify.max_user_watches", value: 524_288 },
};

/** null: the kernel reports changes. */
export function watchAlerts(limit: WatchLimit | null): readonly Alert[] {
  return limit === null ? [] : [{ level: "warn", message: watchWords(limit), next: watchNext(limit) }];
}

export const watchWords = (limit: WatchLimit): string =>
  `This machine's limit of file watches is reached (${limit}, ${SETTING[limit].name}); edits are found by polling, each second`;

export const watchNext = (limit: WatchLimit): string =>
  `raise it, then start vm-agent up again: sudo sysctl ${SETTING[limit].name}=${SETTING[limit].value}, and a line of it in /etc/sysctl.d to keep it`;
