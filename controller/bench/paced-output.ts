/**
 * `exec --output FILE` of a large output: whether the file is the same, how long it took, and how much memory the hub had.
 * node dist/controller/bench/paced-output.js [MiB, default 1024]
 */
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createFixture, until } from "../e2e/support/harness.ts";

const mebibytes = Number(process.argv[2] ?? 1024);
const fixture = await createFixture({ "a.yaml": "kind: Agent\nname: agent-a\n" }, { upWithin: 120_000 });
try {
  const up = await fixture.up();
  await until(
    "the agent online",
    async () => (await up.api.listAgents({ status: "online" })).agents.length === 1,
    240_000,
  );
  /** `VmHWM`: the most that was ever resident, in MiB. */
  const peak = () =>
    Math.round(
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${up.process.pid}/status`, "utf8"))?.[1]) / 1024,
    );
  const sha = async (path: string) => {
    const hash = createHash("sha256");
    await pipeline(createReadStream(path), hash);
    return hash.digest("hex");
  };
  const before = peak();
  const file = join(fixture.folder, "out");
  // Text, then bytes that are no text; the same in each run.
  const half = mebibytes * 2 ** 19;
  const numbers = Math.ceil(half / 8);
  const made = `seq 10000000 $((10000000 + ${numbers})) | head -c ${half}; seq 10000000 $((10000000 + ${numbers})) | tr 0-9 '\\200-\\211' | head -c ${half}`;
  const expected = execFileSync("sh", ["-c", `{ ${made}; } | sha256sum`], { encoding: "utf8" }).slice(0, 64);
  /** `VmRSS` in MiB when each eighth of the output is in the file. */
  const resident: number[] = [];
  const sampler = setInterval(() => {
    const written = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (written < ((resident.length + 1) * mebibytes * 2 ** 20) / 8) return;
    const status = readFileSync(`/proc/${up.process.pid}/status`, "utf8");
    resident.push(Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024));
  }, 20);
  const started = performance.now();
  const { code, stdout, stderr } = await fixture.cli("exec", "--output", file, "agent-a", "--", made);
  clearInterval(sampler);
  const seconds = (performance.now() - started) / 1000;
  const got = await sha(file);
  const size = statSync(file).size;
  process.stdout.write(
    `${JSON.stringify({ code, stdout, stderr, bytes: size, seconds: Math.round(seconds), mebibytesPerSecond: Math.round(size / 2 ** 20 / seconds), sha256: got, same: got === expected, hubPeakMiBBefore: before, hubPeakMiBAfter: peak(), hubResidentMiBAtEachEighth: resident }, null, 1)}\n`,
  );
  process.exitCode = code === 0 && got === expected ? 0 : 1;
} finally {
  await fixture.close();
}
