/** How long a command is silent: from its start to the first byte that it prints, less what Node itself takes to print one, and Multipass to answer. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { MAIN } from "../e2e/support/harness.ts";
import { THREE } from "../e2e/support/fleets.ts";
import { below, inTurns, type Line, median, type Row, short } from "./measure.ts";
import { converged, listCall } from "./sandboxed.ts";

/** Those that look first can say nothing before Multipass has. */
const LOOK: readonly (readonly string[])[] = [["plan"], ["list"], ["status", "agent-builder"]];
const SPEAK: readonly (readonly string[])[] = [["validate"], ["up", "--plain"]];

export const row: Row = async (option) => {
  const rounds = option("rounds", 11);
  return converged(THREE, async (world) => {
    const list = listCall(world);
    const own = () => firstByte(["-p", "0"], world.env);
    const looked = async () => (await own()) + (await firstByte(list.args, list.env));
    const measure = async (command: readonly string[], floor: () => Promise<number>, after: string) => {
      const ours = () => firstByte([MAIN, ...command], world.env);
      const samples = await inTurns(rounds, 2, { floor, ours });
      const [least, most] = [median(samples.floor), median(samples.ours)];
      const name = `first line of vm-agent ${command.join(" ")}, after ${after}`;
      const note = `${short(most)} ms after its start, ${after} takes ${short(least)} ms`;
      return below({ name, unit: "ms", note }, most - least, 100);
    };
    const lines: Line[] = [];
    for (const command of SPEAK) lines.push(await measure(command, own, "Node's own"));
    for (const command of LOOK) lines.push(await measure(command, looked, "Node's own and `multipass list`"));
    return lines;
  });
};

/** Milliseconds; the process is asked to end as soon as it has spoken. */
async function firstByte(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  await once(child.stdout, "data");
  const took = performance.now() - started;
  child.stdout.resume();
  child.kill("SIGTERM");
  await ended;
  return took;
}
