// Long work belongs to the daemon, not to the client: it runs in a process of its own that goes on when the client is killed.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { Call } from "./call.ts";
import { checkAddress, dieAfterwards } from "./daemon.ts";
import { Refusal } from "./failure.ts";
import { inState, program, stateDir } from "./paths.ts";
import type { Work, WorkResult } from "./worker.ts";

/** Has the work done, alone like every request; gives what it says at the end. */
export async function inBackground(call: Call, work: Work): Promise<string> {
  checkAddress();
  if (call.fault) {
    const { beforeRequest } = await import("./fault-effects.ts");
    await beforeRequest(call.fault, call.command);
  }
  mkdirSync(stateDir(), { recursive: true, mode: 0o700 });
  const log = openSync(inState("worker.log"), "a");
  const child = spawn(process.execPath, [program(import.meta.dirname, "worker"), JSON.stringify(work)], {
    detached: true,
    stdio: ["ignore", "pipe", log],
  });
  closeSync(log);
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  await new Promise((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  });
  const result: WorkResult =
    text === "" ? { refusal: "the sandbox's worker ended early, see worker.log" } : JSON.parse(text);
  if ("refusal" in result) throw new Refusal(result.refusal);
  if (call.fault?.fault === "kill-daemon") dieAfterwards(call.fault.ms);
  return result.done;
}
