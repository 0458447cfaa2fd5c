/** Lives of many seeds, spread over threads: what a life is follows from its seed alone, so it does not matter which thread has it. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { SimulationResult } from "./simulation.ts";

/** Each of the seeds once; `onLife` hears of them in the order in which they end. Rejects with what a life or `onLife` throws. */
export async function manyLives(
  seeds: Iterable<number>,
  onLife: (seed: number, result: SimulationResult) => void,
  threads = availableParallelism(),
): Promise<void> {
  const left = [...seeds].values();
  const all = Array.from({ length: threads }, () => oneThread(left, onLife));
  try {
    await Promise.all(all);
  } finally {
    // After a failure none begins another.
    for (const _ of left);
    await Promise.allSettled(all);
  }
}

async function oneThread(
  left: Iterator<number>,
  onLife: (seed: number, result: SimulationResult) => void,
): Promise<void> {
  const worker = new Worker(new URL("./one-life.js", import.meta.url));
  try {
    for (let next = left.next(); !next.done; next = left.next()) {
      const seed = next.value;
      const { promise, resolve, reject } = Promise.withResolvers<SimulationResult>();
      const onError = (error: unknown) =>
        reject(new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error }));
      worker.once("message", resolve);
      worker.once("error", onError);
      worker.postMessage(seed);
      onLife(seed, await promise);
      worker.off("error", onError);
    }
  } finally {
    await worker.terminate();
  }
}
