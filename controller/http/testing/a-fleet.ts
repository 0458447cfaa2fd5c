/** An empty fleet as `GET /fleet` tells it, for tests that need no loop. */
import type { FleetView } from "../../../schemas/types.ts";

export const EMPTY_FLEET: FleetView = {
  at: 1,
  version: "0",
  fleet: "/fleet",
  revision: null,
  driver: { name: "sandbox", version: "1", sandbox: true },
  errors: [],
  stale: false,
  guard: null,
  alerts: [],
  agents: [],
  foreign: null,
  unobservable: null,
  counts: { create: 0, change: 0, destroy: 0, snapshot: 0, held: 0 },
  held: 0,
  failures: {},
  turns: 0,
  settled: false,
};
