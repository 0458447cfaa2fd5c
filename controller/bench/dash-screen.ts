/** The child of the row "dash": a dashboard on a terminal that counts, or the same changed cells written without one. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createApi } from "../../ui/client/api.ts";
import { loadDashboard } from "../../ui/tui/app/load.ts";
import { fakeTerminal } from "../../ui/tui/testing/terminal.ts";
import { aFleet, anAgent } from "../../ui/web/testing/fleet.ts";

export interface DashReading {
  /** Percent of a core. */
  readonly cpu: number;
  readonly bytes: number;
}

const [which = "dash", agents = "500", seconds = "10"] = process.argv.slice(2);
const COLUMNS = 160;
const ROWS = 50;
/** Rows of the table on that screen. */
const VISIBLE = 40;
const PACE_MS = 100;
const WARM_UP_MS = 3000;
const HEALTHS = ["Healthy", "Degraded", "Progressing", "Offline"] as const;

const fleet = aFleet(
  Array.from({ length: Number(agents) }, (_, i) => anAgent(`agent-${String(i).padStart(5, "0")}`)),
);
let turn = 0;
const now = () => ({
  ...fleet,
  at: Date.now(),
  agents: fleet.agents.map((a, i) => ({ ...a, health: HEALTHS[(i + turn) % HEALTHS.length] ?? "Healthy" })),
});

const terminal = fakeTerminal(COLUMNS, ROWS);
if (which === "cells") {
  setInterval(() => {
    turn += 1;
    let text = "";
    for (let i = 0; i < VISIBLE; i++)
      text += `\x1b[${i + 4};61H\x1b[32m● ${(HEALTHS[(i + turn) % HEALTHS.length] ?? "").padEnd(11)}\x1b[39m`;
    terminal.stdout.write(text);
  }, PACE_MS);
} else {
  // The hub's side costs this process too: what it serves is prepared as text.
  const bodies = HEALTHS.map(() => {
    turn += 1;
    return JSON.stringify(now());
  });
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://hub");
    if (pathname === "/events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": open\n\n");
      let id = 0;
      if (which !== "idle")
        setInterval(() => {
          turn += 1;
          id += 1;
          const data = JSON.stringify({ at: Date.now(), agent: "agent-00001" });
          response.write(`id: 1-${id}\nevent: agent.converged\ndata: ${data}\n\n`);
        }, PACE_MS);
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    if (pathname === "/fleet") response.end(bodies[turn % bodies.length]);
    else if (pathname === "/plan") response.end("null");
    else response.end(JSON.stringify({ tasks: [], agents: [] }));
  });
  const runDashboard = await loadDashboard();
  server.listen(0, "127.0.0.1", () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const nothing = () => Promise.resolve("");
    void runDashboard({
      api: createApi({ url, token: "t" }),
      where: url,
      hints: [],
      own: false,
      color: true,
      stdin: terminal.stdin,
      stdout: terminal.stdout,
      signal: new AbortController().signal,
      screenReader: false,
      onQuit: () => {},
      orders: {
        state: nothing,
        paused: nothing,
        snapshot: nothing,
        restore: nothing,
        destroy: nothing,
        shell: async () => 0,
        document: async () => null,
      },
    });
  });
}

setTimeout(() => {
  const before = process.cpuUsage();
  const written = terminal.written().length;
  const started = performance.now();
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before);
    const cpu = ((user + system) / 1000 / (performance.now() - started)) * 100;
    process.send?.({ cpu, bytes: terminal.written().length - written } satisfies DashReading);
  }, Number(seconds) * 1000);
}, WARM_UP_MS);
