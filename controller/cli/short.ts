/** Entry of `short.cjs`: the commands of short-commands.ts, with the list of instances prefetched. */
import { prefetch } from "./system/prefetch.ts";

/** Commands that always wait for Multipass. */
const LOOK_FIRST: ReadonlySet<string> = new Set(["plan", "drift"]);

export async function runShort(argv: readonly string[]): Promise<never> {
  if (LOOK_FIRST.has(argv[0] ?? "")) await prefetch(argv);
  const { runCommand } = await import("./run.ts");
  return runCommand(argv);
}
