/**
 * A separate program for the row "tasks over HTTP": 100 runtimes that speak the wire protocol, and a load generator
 * that keeps 100 tasks in flight. The same program works against the hub and against the bare relay. A task is in
 * flight from the POST until its runtime receives `stored`. The parent sends `connect` once for each server and then
 * `load` for each slice; answers come back as messages.
 */
import { connect as connectTcp, type Socket } from "node:net";
import WebSocket from "ws";

export interface ConnectOrder {
  readonly kind: "connect";
  readonly server: string;
  readonly wsPort: number;
  readonly httpPort: number;
  readonly operatorToken: string;
  readonly agents: readonly { readonly name: string; readonly token: string; readonly nonce: string }[];
}

export interface LoadOrder {
  readonly kind: "load";
  readonly server: string;
  readonly milliseconds: number;
  readonly inFlight: number;
}

export interface LoadAnswer {
  readonly done: number;
  readonly milliseconds: number;
  /** From the POST to `stored`, and from the POST to its HTTP answer. Milliseconds. */
  readonly cycle: readonly number[];
  readonly answer: readonly number[];
  /** Processor time of this program, milliseconds. */
  readonly cpu: number;
}

interface Server {
  readonly posts: readonly ((agent: number) => Promise<string>)[];
  readonly agents: number;
  /** Called with a task's id when its runtime receives `stored`. */
  readonly stored: Map<string, () => void>;
  readonly early: Set<string>;
}

const BODY = JSON.stringify({ type: "exec", command: "echo hello world", timeout: 30_000 });
const servers = new Map<string, Server>();

process.on("message", (order: ConnectOrder | LoadOrder) => {
  const work = order.kind === "connect" ? connect(order) : load(order);
  work.then(
    (answer) => process.send?.(answer ?? "connected"),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});

async function connect(order: ConnectOrder): Promise<void> {
  const stored = new Map<string, () => void>();
  const early = new Set<string>();
  await Promise.all(order.agents.map((agent) => runtime(agent, order.wsPort, stored, early)));
  const names = order.agents.map((agent) => agent.name);
  const posts = Array.from({ length: 100 }, () => poster(order.httpPort, order.operatorToken, names));
  servers.set(order.server, { posts, agents: order.agents.length, stored, early });
}

/** Accepts, begins and answers each task at once, with the frames that the real runtime sends. */
function runtime(
  { name, token, nonce }: ConnectOrder["agents"][number],
  port: number,
  stored: Server["stored"],
  early: Server["early"],
): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/agent`, {
    headers: { authorization: `Bearer ${token}`, "x-agent": name },
    perMessageDeflate: false,
  });
  let count = 0;
  const send = (type: string, payload: unknown) => {
    count += 1;
    socket.send(
      JSON.stringify({
        id: `${name}-${count}`,
        from: name,
        to: "hub",
        type,
        timestamp: Date.now(),
        payload,
      }),
    );
  };
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () =>
      send("hello", {
        protocol: [1],
        nonce,
        instanceId: name,
        bootId: "b",
        version: "1",
        bundleHash: "",
        node: "26",
        tasks: [],
      }),
    );
    socket.on("message", (data) => {
      const { type, payload } = JSON.parse(String(data)) as {
        readonly type: string;
        readonly payload: {
          readonly taskId?: string;
          readonly epoch?: number;
          readonly credential?: string;
          readonly stored?: boolean;
        };
      };
      const { taskId = "", epoch } = payload;
      if (type === "hello") {
        if (payload.credential !== undefined) send("ack", { credential: true });
        resolve();
      } else if (type === "task") {
        send("ack", { taskId, epoch, state: "accepted" });
        send("ack", { taskId, epoch, state: "running" });
        const result = {
          stdout: "hello world\n",
          stderr: "",
          exitCode: 0,
          signal: null,
          timedOut: false,
          cancelled: false,
          droppedBytes: 0,
        };
        send("response", { taskId, epoch, success: true, result, duration: 1 });
      } else if (type === "ack" && payload.stored === true) {
        const done = stored.get(taskId);
        if (done) done();
        else early.add(taskId);
      }
    });
  });
}

/** A bare HTTP/1.1 client on one connection: the load generator must not be what is measured. */
function poster(port: number, token: string, names: readonly string[]): (agent: number) => Promise<string> {
  const head = `Host: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
  let waiting: { readonly resolve: (id: string) => void; readonly reject: (error: Error) => void } | null =
    null;
  let text = "";
  // Between two slices a server may close a connection that is idle: then the next request opens another.
  let socket: Socket | null = null;
  const open = () => {
    const opened = connectTcp({ port, host: "127.0.0.1", noDelay: true });
    opened.setEncoding("latin1").on("data", take);
    opened.on("error", () => {});
    opened.on("close", () => {
      socket = null;
      waiting?.reject(new Error("the server closed the connection"));
    });
    return opened;
  };
  const take = (part: string) => {
    text += part;
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1]);
    if (text.length < end + 4 + length) return;
    const id = /"taskId":"([^"]+)"/.exec(text)?.[1];
    const asked = waiting;
    const whole = text;
    waiting = null;
    text = "";
    if (id === undefined) asked?.reject(new Error(whole));
    else asked?.resolve(id);
  };
  return (agent) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      socket ??= open();
      socket.write(`POST /agents/${names[agent]}/task HTTP/1.1\r\n${head}`);
    });
}

async function load({ server, milliseconds, inFlight }: LoadOrder): Promise<LoadAnswer> {
  const { posts, agents, stored, early } = servers.get(server) as Server;
  const cycle: number[] = [];
  const answer: number[] = [];
  const cpu = process.cpuUsage();
  const started = performance.now();
  const until = started + milliseconds;
  const worker = async (index: number) => {
    const post = posts[index % posts.length] as (agent: number) => Promise<string>;
    for (let begun = performance.now(); begun < until; begun = performance.now()) {
      const id = await post(index % agents);
      answer.push(performance.now() - begun);
      if (!early.delete(id)) await new Promise<void>((resolve) => stored.set(id, resolve));
      stored.delete(id);
      cycle.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => worker(index)));
  const { user, system } = process.cpuUsage(cpu);
  return {
    done: cycle.length,
    milliseconds: performance.now() - started,
    cycle,
    answer,
    cpu: (user + system) / 1000,
  };
}
