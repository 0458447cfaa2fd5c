/** For tests: a hub in a process of its own, behind a wire tap, that can be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../base/paths.ts";
import type { Ports } from "./hub-process.ts";
import { type Passing, tapWire, type WireTap } from "./wire-tap.ts";

const PROGRAM = join(packageRoot(), "dist", "controller", "e2e", "kill", "hub-process.js");

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface KillWorld {
  readonly tap: WireTap;
  /** Asked for every frame, before and after it is passed on. */
  passing: (seen: Passing) => boolean;
  enrol(agent: string, nonce: string): Promise<string>;
  call(method: string, path: string, body?: unknown, key?: string): Promise<Answer>;
  /** As `kill -9`; resolves when the process is gone. */
  killHub(): Promise<void>;
  startHub(): Promise<void>;
  output(): string;
  close(): Promise<void>;
}

export async function createKillWorld(home: string): Promise<KillWorld> {
  let child: ChildProcess;
  let ports: Ports = { http: 0, agent: 0 };
  let printed = "";
  const tap = await tapWire((seen) => world.passing(seen));
  const gone = async (): Promise<void> => {
    const ended = child.exitCode ?? child.signalCode ?? once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  const world: KillWorld = {
    tap,
    passing: () => true,
    async enrol(enrol, nonce) {
      child.send({ enrol, nonce });
      const [answer] = (await once(child, "message")) as [{ readonly token: string }];
      return answer.token;
    },
    async call(method, path, body, key) {
      const answer = await fetch(`http://127.0.0.1:${ports.http}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${readFileSync(join(home, "operator-token"), "utf8").trim()}`,
          "content-type": "application/json",
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: (await answer.json()) as Answer["body"] };
    },
    killHub: gone,
    async startHub() {
      child = spawn(process.execPath, [PROGRAM, home], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
      for (const stream of [child.stdout, child.stderr])
        stream?.on("data", (data: Buffer) => (printed += data.toString()));
      [ports] = (await once(child, "message")) as [Ports];
      tap.hub = ports.agent;
    },
    output: () => printed,
    async close() {
      await gone();
      tap.close();
    },
  };
  await world.startHub();
  return world;
}
