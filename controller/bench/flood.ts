/**
 * The row "flood": tasks of 20 runtimes while another one sends frames as fast as it can, and the same without it.
 *
 * `run.js flood` on two busy cores (load 17, the flooder takes one of them): 381 tasks/s against 550 without it, while 2,074
 * frames a second of the flood were read. With the bound of throttle.ts taken out the run had not ended after nine minutes.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FloodOrder } from "./flooder.ts";
import { median, percentile, type Row, short } from "./measure.ts";
import { ask, startHub } from "./tasks.ts";
import type { LoadAnswer } from "./tasks-clients.ts";

const rateOf = (slices: readonly LoadAnswer[]) =>
  median(slices.map(({ done, milliseconds }) => (done / milliseconds) * 1000));
const lateOf = (slices: readonly LoadAnswer[]) => median(slices.map(({ cycle }) => percentile(cycle, 0.99)));

export const row: Row = async (option) => {
  const agents = option("agents", 20);
  const milliseconds = option("slice", 2500);
  const rounds = option("rounds", 5);
  await using stack = new AsyncDisposableStack();
  const home = mkdtempSync(join(tmpdir(), "vm-agent-bench-"));
  stack.defer(() => rmSync(home, { recursive: true, force: true }));
  const names = Array.from({ length: agents }, (_, i) => `agent-${i + 1}`);
  const hub = await startHub(home, [...names, "flooder"]);
  stack.defer(hub.stop);
  const clients = fork(fileURLToPath(new URL("./tasks-clients.js", import.meta.url)));
  stack.defer(() => void clients.kill());
  const others = hub.order.agents.filter(({ name }) => name !== "flooder");
  const who = hub.order.agents.find(({ name }) => name === "flooder");
  const order = { port: hub.order.wsPort, name: "", nonce: "", ...who, token: who?.token ?? "" };
  await ask(clients, { kind: "connect", server: "hub", ...hub.order, agents: others });

  const load = async () =>
    (await ask(clients, { kind: "load", server: "hub", milliseconds, inFlight: agents })) as LoadAnswer;
  await load();
  const quiet: LoadAnswer[] = [];
  const flooded: LoadAnswer[] = [];
  let heard = 0;
  for (let round = 0; round < rounds; round++) {
    quiet.push(await load());
    const flooder = fork(fileURLToPath(new URL("./flooder.js", import.meta.url)));
    flooder.send({ ...order } satisfies FloodOrder);
    [order.token] = (await once(flooder, "message")) as [string];
    const before = hub.heard("flooder");
    flooded.push(await load());
    heard += hub.heard("flooder") - before;
    const gone = once(flooder, "exit");
    flooder.kill("SIGKILL");
    await gone;
  }
  const [floor, ours] = [rateOf(quiet), rateOf(flooded)];
  const ratio = ours / floor;
  return [
    {
      name: `tasks of ${agents} runtimes beside a flood`,
      floorIs: "the same without the one that floods",
      floor,
      ours,
      unit: "/s",
      ratio,
      target: "",
      ok: null,
      note: `p99 ${short(lateOf(flooded))} against ${short(lateOf(quiet))} ms; ${short(heard / ((rounds * milliseconds) / 1000))} frames/s of the flood were read`,
    },
  ];
};
