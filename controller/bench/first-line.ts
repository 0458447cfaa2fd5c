/** How long a command is silent: from its start to the first byte that it prints, less what Node itself takes to print one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { MAIN } from "../e2e/harness.ts";
import { THREE } from "../e2e/fleets.ts";
import { below, inTurns, type Line, median, type Row } from "./measure.ts";
import { converge, sandboxed } from "./sandboxed.ts";

const COMMANDS = [["plan"], ["list"], ["status", "agent-builder"], ["validate"], ["up", "--plain"]] as const;

export const row: Row = async (option) => {
  const rounds = option("rounds", 11);
  const world = await sandboxed(THREE);
  try {
    const system = await world.system();
    try {
      await converge(system);
    } finally {
      await system.stop();
    }
    const lines: Line[] = [];
    for (const command of COMMANDS) {
      const { floor, ours } = await inTurns(rounds, 2, {
        floor: () => firstByte(["-p", "0"], world.env),
        ours: () => firstByte([MAIN, ...command], world.env),
      });
      const name = `first line of vm-agent ${command.join(" ")}, after Node's own`;
      lines.push(below({ name, unit: "ms" }, median(ours) - median(floor), 100));
    }
    return lines;
  } finally {
    await world.close();
  }
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
