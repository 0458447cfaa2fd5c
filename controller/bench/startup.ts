/**
 * The rows about whole processes: `vm-agent --version` and `vm-agent plan`.
 *
 * Where the time of a plan goes: Node itself 28 ms, 13 ms until `multipass list` is begun (the driver, the store), then that list,
 * beside which commander, the YAML parser, the plan and git run. What was won: commands that are short come from one CommonJS file
 * (`controller/build.ts` has the figures), the list is begun before commander is loaded, git is asked beside the list, and not at all where no `.git` is above the fleet (10 ms); `node:http` is had
 * by getBuiltinModule, for importing it takes 50 ms (it reads fetch's exports too) and `fetch` as long; the time zone is asked for only
 * with a schedule (17 ms); only the command that is named is described to commander; `node:crypto` (8 ms) is loaded after the list
 * has begun.
 * Tried and lost: minified files (no difference, for the cache holds compiled code), a larger young generation, --single-threaded-gc
 * and --no-opt (all within noise).
 */
import { spawn } from "node:child_process";
import { MAIN } from "../e2e/support/harness.ts";
import { THREE } from "../e2e/support/fleets.ts";
import { atMost, inTurns, type Row, timed } from "./measure.ts";
import { converged, listCall } from "./sandboxed.ts";

const NOTHING = ["-e", "0"] as const;

export const row: Row = async (option) => {
  const rounds = option("rounds", 21);
  const version = await inTurns(rounds, 3, {
    floor: () => timed(() => node(NOTHING)),
    ours: () => timed(() => node([MAIN, "--version"])),
  });
  return converged(THREE, async (world) => {
    const list = listCall(world);
    // The rounds that warm up let Node write its cache of compiled code, as any second run of a command finds it.
    const plan = () =>
      inTurns(rounds, 3, {
        floor: () => timed(async () => [await node(list.args, list.env), await node(NOTHING)]),
        ours: () => timed(() => node([MAIN, "plan"], world.env)),
      });
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
  });
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
