/** Asks for confirmation; without a terminal the command is refused. */
import { createInterface } from "node:readline/promises";
import { VmAgentError } from "../../base/errors.ts";
import type { Output } from "./output.ts";

/** Resolves on `yes`; throws `not-confirmed` otherwise. `again`: the command to repeat. */
export async function confirm(output: Output, question: string, again: string): Promise<void> {
  if (!process.stdin.isTTY || !output.isTTY) {
    throw new VmAgentError({
      code: "not-confirmed",
      message: "confirmation needs a terminal",
      next: `look at what is shown above, then run ${again} --yes`,
    });
  }
  const questions = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await questions
    .question(`\n${question} Only yes is taken as one: `)
    .finally(() => questions.close());
  if (answer.trim() === "yes") return;
  throw new VmAgentError({
    code: "not-confirmed",
    message: "nothing was done",
    next: `run ${again} again when you want it`,
  });
}
