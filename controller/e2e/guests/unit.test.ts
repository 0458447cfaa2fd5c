/** The runtime's unit is one that systemd itself reads without a complaint, where there is a systemd. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runtimeUnit, UNIT_NAME } from "../../../provisioning/systemd/unit.ts";

const present = spawnSync("systemd-analyze", ["--version"]).status === 0;

test("systemd-analyze verify", { skip: !present && "there is no systemd-analyze" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-unit-"));
  try {
    const verify = (text: string) => {
      const file = join(folder, UNIT_NAME);
      writeFileSync(file, text);
      return spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
    };
    const good = verify(runtimeUnit());
    assert.deepEqual([good.status, good.stderr], [0, ""]);
    // It would say so.
    assert.match(verify(runtimeUnit().replace("KillMode=", "KilMode=")).stderr, /KilMode/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
