/**
 * The row "converge 20 new agents".
 *
 * Where the time goes: a launch of the sandbox is three processes of Node, and each look of the loop is one more. With 35 looks the
 * ratio was 1.4; since news of runtimes wait up to a second while every slot is taken (a look could begin nothing then) there are 23,
 * one for each end of work, and it is 1.25 on a machine with two cores that both are busy with launches. Next would be to begin
 * launches on the last look's word, without one of their own; what that saves here is nothing where a launch takes half a minute.
 */
import { randomBytes } from "node:crypto";
import { renderUserData } from "../../provisioning/cloud-init/render.ts";
import { loadRuntime } from "../../provisioning/runtime.ts";
import type { System } from "../cli/system/system.ts";
import { atMost, inTurns, type Row, timed } from "./measure.ts";
import { bare, callsOf, converge, sandboxed } from "./sandboxed.ts";

export const row: Row = async (option) => {
  const count = option("count", 20);
  const parallelism = option("parallelism", 2);
  let calls = 0;
  const samples = await inTurns(option("rounds", 3), option("warm-up", 1), {
    floor: () =>
      inFreshWorld(count, parallelism, async (system) => {
        const orders = await ordersOf(system);
        return timed(() => inParallel(orders, parallelism, (order) => bare(system, order.args, order.input)));
      }),
    ours: () =>
      inFreshWorld(count, parallelism, async (system, callsSoFar) => {
        const ms = await timed(() => converge(system));
        const { create, change, held } = system.loop.last?.plan.counts ?? { create: 1, change: 1, held: 1 };
        if (create + change + held > 0) throw new Error("it did not converge");
        calls = callsSoFar();
        return ms;
      }),
  });
  const name = `converge ${count} new agents, ${parallelism} at once`;
  const floorIs = `a plain loop of \`multipass launch\` with the same user data, ${parallelism} at once; runtimes connect`;
  const note = `ours: until every runtime said hello and the loop saw nothing left to do; ${calls} calls, ${count} of them launch`;
  return [atMost({ name, floorIs, unit: "ms", note }, samples, 1.1)];
};

async function inFreshWorld(
  count: number,
  parallelism: number,
  work: (system: System, calls: () => number) => Promise<number>,
): Promise<number> {
  const documents = Array.from({ length: count }, (_, i) => {
    const name = `agent-${String(i + 1).padStart(2, "0")}`;
    return [`${name}.yaml`, `kind: Agent\nname: ${name}\ncpu: 1\nmemory: 256M\ndisk: 1G\n`];
  });
  const fleet = `kind: Fleet\nparallelism: ${parallelism}\ninterval: 30s\n`;
  const world = await sandboxed({ ...Object.fromEntries(documents), "fleet.yaml": fleet });
  try {
    const system = await world.system();
    try {
      return await work(system, () => callsOf(world.fixture));
    } finally {
      await system.stop();
    }
  } finally {
    await world.close();
  }
}

interface Order {
  readonly args: readonly string[];
  readonly input: string;
}

/** The calls that the loop would make, with join tokens of the same hub: its runtimes connect as in ours. */
function ordersOf(system: System): Promise<readonly Order[]> {
  const runtime = loadRuntime();
  const agents = system.source.current().desired?.agents ?? [];
  return Promise.all(
    agents.map(async (agent) => {
      const nonce = randomBytes(16).toString("base64url");
      const joinToken = await system.hub.enrol(agent.name, nonce);
      const input = renderUserData({
        agent,
        nonce,
        joinToken,
        hubAddresses: system.hub.addresses(),
        hubPort: system.hub.agentPort,
        runtime,
      });
      const { cpu, memory, disk } = agent.size;
      const size = ["--cpus", String(cpu), "--memory", String(memory), "--disk", String(disk)];
      return {
        args: ["launch", "--name", agent.name, ...size, "--cloud-init", "-", "--timeout", "600"],
        input,
      };
    }),
  );
}

async function inParallel<T>(
  items: readonly T[],
  parallelism: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values();
  const worker = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: parallelism }, worker));
}
