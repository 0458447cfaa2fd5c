/**
 * The row "hostile": how long GET /health takes beside a runtime that sends hostile frames as fast as it can, beside several,
 * and after a restart of the hub on the store that they left behind. `--connections=N --slice=MS`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { type AttackOrder, KINDS, type ProbeOrder } from "./hostile-clients.ts";
import { below, type Line, median, percentile, type Row, short, timed } from "./measure.ts";
import { startHub } from "./tasks.ts";

/** The latency that people notice; measured at p99. */
const MOST = 250;

export const row: Row = async (option) => {
  const connections = option("connections", 4);
  const milliseconds = option("slice", 1500);
  await using stack = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "vm-agent-bench-"));
  stack.defer(() => rmSync(home, { recursive: true, force: true }));
  const names = Array.from({ length: connections }, (_, i) => `hostile-${i + 1}`);
  let hub = await startHub(home, names);
  stack.defer(() => hub.stop());
  const prober = client();
  stack.defer(() => void prober.kill());
  const probe = async () => {
    prober.send({ probe: hub.order.httpPort, milliseconds } satisfies ProbeOrder);
    const [found] = (await once(prober, "message")) as [readonly number[]];
    return percentile(found, 0.99);
  };

  const quiet = median([await probe(), await probe(), await probe()]);
  const agents = hub.order.agents.map((agent) => ({ ...agent }));
  /** p99 of each kind, by so many of the runtimes. */
  const attacked = async (count: number, attack: (typeof KINDS)[number]) => {
    const attackers = client();
    attackers.on("message", ({ name, token }: { readonly name: string; readonly token: string }) => {
      for (const agent of agents) if (agent.name === name) agent.token = token;
    });
    const order = { attack, port: hub.order.wsPort, agents: agents.slice(0, count) };
    // Its start is no part of what is measured, nor is one slice in which a neighbour had the processor.
    attackers.send(order satisfies AttackOrder);
    await once(attackers, "message");
    const p99 = median([await probe(), await probe(), await probe()]);
    const gone = once(attackers, "exit");
    attackers.kill("SIGKILL");
    await gone;
    return p99;
  };
  const all = async (count: number) => {
    const found: number[] = [];
    for (const kind of KINDS) found.push(await attacked(count, kind));
    const note = KINDS.map((kind, i) => `${kind} ${short(found[i] ?? Number.NaN)}`).join(", ");
    return { worst: Math.max(...found), note };
  };
  const one = await all(1);
  const several = await all(connections);
  await hub.stop();
  // As earlier versions stored it: the payload as it came.
  const deep = `{"health":{"x":${"[".repeat(1_900_000)}${"]".repeat(1_900_000)}}}`;
  const db = new DatabaseSync(join(home, "vm-agent.db"));
  db.prepare("UPDATE agents SET json = ?").run(deep);
  db.close();
  const start = await timed(async () => {
    hub = await startHub(home, names);
  });
  const after = median([await probe(), await probe(), await probe()]);
  return [
    line("GET /health beside a hostile runtime, p99", one.worst, quiet, one.note),
    {
      ...line(`the same beside ${connections} of them`, several.worst, quiet, several.note),
      target: "",
      ok: null,
    },
    line(
      "GET /health after a restart on their store, p99",
      after,
      quiet,
      `the hub was there after ${short(start)} ms, with ${connections} rows of 3.8 MB nested 1.9 million deep`,
    ),
  ];
};

const line = (name: string, ours: number, floor: number, note: string): Line =>
  below({ name, unit: "ms", floorIs: "the same hub without them", note }, ours, MOST, floor);

const client = (): ChildProcess => fork(fileURLToPath(new URL("./hostile-clients.js", import.meta.url)));
