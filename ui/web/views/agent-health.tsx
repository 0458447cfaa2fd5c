/** What an agent's runtime reports of its machine: the last figures, and the hour before them as a chart. */
/** @jsxImportSource preact */
import { useEffect } from "preact/hooks";
import { duration } from "../../client/format.ts";
import type { HealthSample } from "../../client/health.ts";
import { Ago } from "../parts/bits.tsx";
import { HealthChart } from "../parts/chart.tsx";
import { useLive, useModel } from "../app/hooks.ts";

export function HealthCard({ name }: { readonly name: string }) {
  const live = useLive();
  const history = useModel((m) => m.health[name]);
  const foundAt = useModel((m) => m.link.foundAt);
  // again after a lost hub, for what was missed
  useEffect(() => {
    live.api
      .listHealth({ agent: name })
      .then(({ agents }) => live.dispatch({ type: "history", agents }))
      // An agent whose runtime has never connected is unknown to the hub; a lost hub is reported elsewhere.
      .catch(() => {});
  }, [live, name, foundAt]);
  const last = history?.at(-1);
  return (
    <section class="card" aria-labelledby="health">
      <h2 id="health">
        Health{" "}
        {last && (
          <small class="dim">
            heartbeat <Ago at={last.at} />
          </small>
        )}
      </h2>
      {history && last ? (
        <>
          <HealthChart history={history} />
          <p class="dim">{machine(last)}</p>
        </>
      ) : (
        <p class="dim">Its runtime has not reported yet. It does so every 30 s as soon as it is online.</p>
      )}
    </section>
  );
}

const machine = ({ uptime, load, memoryUsed, memoryTotal, rss }: HealthSample): string =>
  [
    uptime !== null && `up ${duration(uptime * 1000)}`,
    load !== null && `load ${load.toFixed(2)}`,
    memoryUsed !== null && memoryTotal !== null && `${memoryUsed} of ${memoryTotal} MB in use`,
    rss !== null && `the runtime itself ${rss} MB`,
  ]
    .filter(Boolean)
    .join(", ");
