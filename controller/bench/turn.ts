/** The row "loop turn with nothing to do". */
import { THREE } from "../e2e/support/fleets.ts";
import { atMost, below, inTurns, median, type Row, timed } from "./measure.ts";
import { bare, callsOf, converge, sandboxed } from "./sandboxed.ts";

const LIST = ["list", "--no-ipv4", "--format", "json"] as const;
const QUIET = "kind: Fleet\nparallelism: 2\ninterval: 1h\n";

export const row: Row = async (option) => {
  const world = await sandboxed({ ...THREE, "fleet.yaml": QUIET });
  try {
    await using stack = new AsyncDisposableStack();
    const system = await world.system();
    stack.defer(() => system.stop());
    await converge(system);
    let turns = 0;
    let calls = 0;
    let inCall = 0;
    const outside: number[] = [];
    system.bus.on("command", ({ durationMs }) => {
      inCall = durationMs;
    });
    const turn = async () => {
      const before = callsOf(world.fixture);
      const ms = await timed(() => system.loop.turn());
      calls += callsOf(world.fixture) - before;
      turns += 1;
      outside.push(ms - inCall);
      const counts = system.loop.last?.plan.counts;
      if (counts === undefined || counts.create + counts.change + counts.destroy + counts.held > 0)
        throw new Error("there is something to do");
      return ms;
    };
    const samples = await inTurns(option("rounds", 60), 3, {
      floor: () => timed(() => bare(system, LIST)),
      ours: turn,
    });
    const note = `of a turn, ${median(outside).toFixed(1)} ms are not its own call`;
    const floorIs = "one `multipass list --no-ipv4 --format json` of the same executable";
    return [
      atMost({ name: "loop turn with nothing to do", floorIs, unit: "ms", note }, samples, 1.1),
      below({ name: "its calls of the command line", unit: "calls" }, calls / turns, 2),
    ];
  } finally {
    await world.close();
  }
};
