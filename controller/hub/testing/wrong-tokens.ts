/** A worker thread that presents wrong tokens at a bounded rate until it is terminated; posts how many were answered, by status. */
import { Agent, request } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

export interface WrongTokens {
  /** Requests; a token is added to each. */
  readonly targets: readonly {
    readonly port: number;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
  }[];
  readonly perSecond: number;
}

const { targets, perSecond } = workerData as WrongTokens;
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const answered: Record<string, number> = {};
const SLICE_MS = 20;
let sent = 0;
let waiting = 0;

const ask = () => {
  const target = targets[sent % targets.length];
  if (target === undefined) return;
  sent += 1;
  waiting += 1;
  const done = (status: number | string) => {
    waiting -= 1;
    answered[status] = (answered[status] ?? 0) + 1;
  };
  const isUpgrade = target.headers.upgrade !== undefined;
  const asking = request({
    host: "127.0.0.1",
    port: target.port,
    path: target.path.replace("TOKEN", `wrong-${sent}`),
    headers: { authorization: `Bearer wrong-${sent}`, ...target.headers },
    ...(isUpgrade ? {} : { agent }),
  });
  asking.on("response", (answer) => {
    answer.resume();
    answer.on("close", () => done(answer.statusCode ?? 0));
  });
  asking.on("error", () => done("error"));
  asking.end();
};

setInterval(() => {
  // The machine may be slower than the rate: what waits is bounded.
  for (let n = 0; n < (perSecond * SLICE_MS) / 1000 && waiting < 200; n++) ask();
  parentPort?.postMessage(answered);
}, SLICE_MS);
