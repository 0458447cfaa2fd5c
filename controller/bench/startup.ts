/**
 * The rows about whole processes: `vm-agent --version` and `vm-agent plan`.
 *
 * Where the time of a plan goes, on a busy machine: 30 ms Node itself, 120 ms loading 150 modules from the cache of compiled code (70 of them
 * are the YAML parser), then the list; cli/early-look.ts lets the two overlap. Tried: one esbuild bundle of the command line
 * loads in 60 ms, and would have to be made anew at every turn of development. Asking a hub adds fetch, which Node loads late.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../base/paths.ts";
import { sandboxExecutable } from "../drivers/select.ts";
import { THREE } from "../e2e/fleets.ts";
import { atMost, inTurns, type Row, timed } from "./measure.ts";
import { converge, sandboxed } from "./sandboxed.ts";

const MAIN = join(packageRoot(), "dist", "controller", "main.js");
const NOTHING = ["-e", "0"] as const;

export const row: Row = async (option) => {
  const rounds = option("rounds", 21);
  const version = await inTurns(rounds, 3, {
    floor: () => timed(() => node(NOTHING)),
    ours: () => timed(() => node([MAIN, "--version"])),
  });
  const world = await sandboxed(THREE);
  try {
    const system = await world.system();
    try {
      await converge(system);
    } finally {
      await system.stop();
    }
    const { args, env } = sandboxExecutable(world.settings.home, world.env);
    // The rounds that warm up let Node write its cache of compiled code, as any second run of a command finds it.
    const plan = async () => {
      const list = () => node([...args, "list", "--no-ipv4", "--format", "json"], { ...world.env, ...env });
      return inTurns(rounds, 3, {
        floor: () => timed(async () => [await list(), await node(NOTHING)]),
        ours: () => timed(() => node([MAIN, "plan"], world.env)),
      });
    };
    const alone = await plan();
    const up = await world.fixture.up();
    try {
      const beside = await plan();
      const floorIs = "one `multipass list` and `node -e 0`, one after the other";
      return [
        atMost({ name: "vm-agent --version", floorIs: "node -e 0", unit: "ms" }, version, 1.5),
        atMost({ name: "vm-agent plan, 3 agents, no hub runs", floorIs, unit: "ms" }, alone, 1.5),
        atMost({ name: "vm-agent plan, 3 agents, asks the hub", floorIs, unit: "ms" }, beside, 1.5),
      ];
    } finally {
      await up.end();
    }
  } finally {
    await world.close();
  }
};

/** A whole process, from spawn to its end. */
function node(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], { env, stdio: ["ignore", "ignore", "inherit"] });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`node ${args.join(" ")} ended with ${code}`)),
    );
  });
}
