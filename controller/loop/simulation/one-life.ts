/** In a thread of its own: a life for each seed that is sent, and its result back. */
import { parentPort } from "node:worker_threads";
import { simulate } from "./chance-life.ts";

parentPort?.on("message", async (seed: number) => parentPort?.postMessage(await simulate(seed)));
