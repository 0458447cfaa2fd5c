/** What `short.cjs` is made of: the commands of short-commands.ts, and the look at the instances begun before all else. */
import { beginEarly } from "./system/early-world.ts";

/** Commands that wait for Multipass whatever they are told. */
const LOOK_FIRST: ReadonlySet<string> = new Set(["plan", "drift"]);

export async function runShort(argv: readonly string[]): Promise<never> {
  if (LOOK_FIRST.has(argv[0] ?? "")) await beginEarly(argv);
  const { runCommand } = await import("./run.ts");
  return runCommand(argv);
}
