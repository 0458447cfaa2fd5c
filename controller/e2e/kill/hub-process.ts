/** A program for tests: the real hub and its HTTP API on a real database, to be killed. Its parent talks to it by messages. */
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { createBus } from "../../base/events.ts";
import { createApp } from "../../http/app.ts";
import { listenHttp } from "../../http/server.ts";
import { createHub } from "../../hub/hub.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";

/** What the parent asks for: a join token. */
export interface Enrol {
  readonly enrol: string;
  readonly nonce: string;
}

export interface Ports {
  readonly http: number;
  readonly agent: number;
}

const [home = ""] = process.argv.slice(2);
const bind = "127.0.0.1";
const onError = (error: unknown): void => {
  console.error(error);
};
const hub = createHub({
  store: openStore(join(home, "vm-agent.db")),
  bus: createBus(systemClock.now, onError),
  clock: systemClock,
  settings: { home, bind, agentPort: 0, advertise: "auto", hostNames: [] },
  limits: { reconnectShortest: 50, reconnectLongest: 200 },
  onError,
});
await hub.start();
/** There is no fleet: runtimes are enrolled one by one. */
const controller = { fleet: () => ({}), plan: async () => null, reconcile: async () => {} };
const http = await listenHttp({ app: createApp({ hub, controller }), hub, bind, port: 0 });
process.on("message", ({ enrol, nonce }: Enrol) => {
  void hub.enrol(enrol, nonce).then((token) => process.send?.({ token }));
});
// Without the parent it would never end.
process.on("disconnect", () => process.exit(0));
process.send?.({ http: http.port, agent: hub.agentPort } satisfies Ports);
