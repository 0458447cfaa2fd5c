// Questions that are only asked on a terminal.
import { createInterface } from "node:readline/promises";

/** The answer, or undefined without a terminal (stdin and stdout must both be terminals). */
export async function askYesNo(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    for (;;) {
      const answer = (await lines.question(question)).trim().toLowerCase();
      if (["y", "yes", ""].includes(answer)) return true;
      if (["n", "no"].includes(answer)) return false;
      question = "Please answer Yes/no: ";
    }
  } finally {
    lines.close();
  }
}
