/** What an agent's runtime reports of its machine: the last figures, and the hour before them as lines. */
/** @jsxImportSource preact */
import { duration, percent } from "../client/format.ts";
import { type HealthSample, sparkline } from "../client/health.ts";
import { Ago } from "./bits.tsx";
import { useModel } from "./hooks.ts";

const WIDTH = 300;
const HEIGHT = 44;

export function HealthCard({ name }: { readonly name: string }) {
  const history = useModel((m) => m.health[name]);
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
          <Chart word="CPU" values={history.map((s) => s.cpu)} more={load(last)} />
          <Chart word="Memory" values={history.map((s) => s.memory)} more={memory(last)} />
          <Chart word="Disk" values={history.map((s) => s.disk)} more="" />
          <p class="dim">
            {last.uptime !== null && `up ${duration(last.uptime * 1000)}`}
            {last.rss !== null && `, runtime ${last.rss} MB`}
            {history.length > 1 && `; the lines show ${duration(last.at - (history[0]?.at ?? last.at))}`}
          </p>
        </>
      ) : (
        <p class="dim">Its runtime has not reported yet.</p>
      )}
    </section>
  );
}

interface ChartProps {
  readonly word: string;
  readonly values: readonly (number | null)[];
  readonly more: string;
}

function Chart({ word, values, more }: ChartProps) {
  const last = values.at(-1) ?? null;
  const points = sparkline(values, WIDTH, HEIGHT);
  const tone = last === null ? "dim" : last >= 90 ? "bad" : last >= 75 ? "warn" : "accent";
  return (
    <figure class={`chart tone-${tone}`}>
      <figcaption>
        {word} <b class="figure">{percent(last)}</b> <span class="dim">{more}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <line x1="0" y1={HEIGHT / 2} x2={WIDTH} y2={HEIGHT / 2} class="grid" />
        {points !== "" && <polygon points={`0,${HEIGHT} ${points} ${WIDTH},${HEIGHT}`} />}
        {points !== "" && <polyline points={points} vector-effect="non-scaling-stroke" />}
      </svg>
    </figure>
  );
}

const load = ({ load: value }: HealthSample): string => (value === null ? "" : `load ${value.toFixed(2)}`);

function memory({ memoryUsed, memoryTotal }: HealthSample): string {
  return memoryUsed === null || memoryTotal === null ? "" : `${memoryUsed} of ${memoryTotal} MB`;
}
