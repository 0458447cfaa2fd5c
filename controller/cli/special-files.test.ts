/** Files that commands are given, against what is no plain file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SPECIAL_FILES, specialFiles } from "../base/testing/special-files.ts";
import { loadTls } from "../base/tls.ts";
import { readBackup } from "../store/backup.ts";
import { readSavedPlan } from "./plan/saved-plan.ts";

test("files that commands are given: a plan, a backup, a certificate", async (t) => {
  const { path, words } = await specialFiles(t);
  const given: Readonly<Record<string, (file: string) => unknown>> = {
    plan: readSavedPlan,
    backup: readBackup,
    certificate: (file) => loadTls({ cert: file, key: file }, 0),
  };
  for (const [what, read] of Object.entries(given)) {
    for (const kind of SPECIAL_FILES) {
      // A backup may be large, and so may a plan: they are refused for what is in them.
      if (kind === "large" && what === "backup") continue;
      if (kind === "loop" && what === "backup") {
        assert.throws(() => read(path(kind)), { code: "backup-missing" });
        continue;
      }
      const message = kind === "large" && what === "plan" ? /is larger than 65536 KiB/ : words(kind);
      assert.throws(() => read(path(kind)), { message }, `${what} ${kind}`);
    }
  }
});
