/** Joins turns and addresses: after each refresh, sends what has begun to its subscribers. */
import type { Clock } from "../../base/clock.ts";
import type { Bus } from "../../base/events.ts";
import type { Desired, Turn } from "../../core/types.ts";
import type { KeyValueStore } from "../../store/store.ts";
import { type Failed, type Known, alertsOf, begun, sameAlerts } from "./notify.ts";
import type { Sender } from "./send.ts";

const KEY = "notified";

export interface WatchDeps {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly kv: KeyValueStore;
  readonly sender: Sender;
  /** The fleet folder, so that one address can serve several fleets. */
  readonly fleet: string;
  readonly desired: () => Desired | null;
  readonly turn: () => Turn | null;
  readonly failures: () => readonly Failed[];
  readonly onError: (error: unknown) => void;
}

/** Returns the function that stops it. */
export function watchForNotices(deps: WatchDeps): () => void {
  const { bus, clock, kv, sender, onError } = deps;
  let known: Known = (kv.get(KEY) as Known | undefined) ?? {};
  return bus.on("reconciled", () => {
    const desired = deps.desired();
    const turn = deps.turn();
    // An unobservable condition neither begins nor ends.
    if (!desired || !turn || turn.observed.instances.kind === "unobservable") return;
    const { notify } = desired.settings;
    if (notify.length === 0 && Object.keys(known).length === 0) return;
    const now = clock.now();
    const found = begun(known, notify.length === 0 ? [] : alertsOf(turn, deps.failures()), now);
    const same = sameAlerts(known, found.known);
    known = found.known;
    if (!same) kv.put(KEY, known).catch(onError);
    for (const alert of found.begun)
      for (const { url, on } of notify)
        if (on.includes(alert.event)) sender.send(url, { ...alert, at: now, fleet: deps.fleet });
  });
}
