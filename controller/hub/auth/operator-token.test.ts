/** operator-token.ts: concurrent first readers get the same token, and never a part of one. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { operatorTokenPath, readOrCreateOperatorToken } from "./operator-token.ts";

const AT_ONCE = 6;
const ROUNDS = 200;

/** All threads take each round together. */
const RACER = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData.module).then(({ readOrCreateOperatorToken }) => {
    const gate = new Int32Array(workerData.gate);
    const tokens = [];
    for (let round = 0; round < workerData.rounds; round++) {
      const all = workerData.atOnce * (round + 1);
      Atomics.add(gate, 0, 1);
      while (Atomics.load(gate, 0) < all);
      try {
        tokens.push(readOrCreateOperatorToken(workerData.home + "/" + round, { token: () => String(Math.random()).padEnd(30, "x") }));
      } catch (error) {
        tokens.push(error.message);
      }
    }
    parentPort.postMessage(tokens);
  });
`;

test("made by several at once, it is one token, whole for all of them, and nothing is left beside it", async () => {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-token-"));
  try {
    const workerData = {
      module: new URL("./operator-token.js", import.meta.url).href,
      gate: new SharedArrayBuffer(4),
      home,
      rounds: ROUNDS,
      atOnce: AT_ONCE,
    };
    const reported = await Promise.all(
      Array.from(
        { length: AT_ONCE },
        () =>
          new Promise<readonly string[]>((resolve, reject) => {
            const worker = new Worker(RACER, { eval: true, workerData });
            worker.once("message", resolve).once("error", reject);
          }),
      ),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const tokens = new Set(reported.map((tokens) => tokens[round]));
      assert.equal(tokens.size, 1, [...tokens].join(" | "));
      assert.deepEqual(readdirSync(join(home, String(round))), [".gitignore", "operator-token"]);
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test("a write that a kill cut off leaves nothing that the next start takes for a token", () => {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-token-"));
  try {
    writeFileSync(`${operatorTokenPath(home)}.1.tmp`, "");
    const token = readOrCreateOperatorToken(home, { token: () => "t".repeat(43) } as never);
    assert.equal(token, "t".repeat(43));
    assert.equal(statSync(operatorTokenPath(home)).mode & 0o777, 0o600);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
