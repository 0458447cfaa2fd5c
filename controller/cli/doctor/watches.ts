/** Checks whether the kernel reports file changes, which a limit shared by all programs may prevent. */
import { watch } from "node:fs";
import { isWatchLimit } from "../../fleet/watch-files.ts";
import { watchNext, watchWords } from "../system/watch-alerts.ts";
import type { Check } from "./check.ts";
import type { DoctorContext } from "./context.ts";

export const watches: Check<DoctorContext> = {
  name: "watches",
  async run({ settings }) {
    try {
      watch(settings.fleet).close();
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      if (isWatchLimit(code)) return [{ level: "warn", found: watchWords(code), next: watchNext(code) }];
    }
    return [];
  },
};
