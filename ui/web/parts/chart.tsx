/** CPU, memory and disk over time, drawn by uPlot; figures under the pointer, or the last ones, stand above as text. */
/** @jsxImportSource preact */
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { clock, percent } from "../../client/format.ts";
import type { HealthSample } from "../../client/health.ts";

/** Distinguished by dashes too, not by colour alone. */
const LINES = [
  { key: "cpu", word: "CPU", color: "--line-1", dash: [] },
  { key: "memory", word: "Memory", color: "--line-2", dash: [7, 3] },
  { key: "disk", word: "Disk", color: "--line-3", dash: [2, 3] },
] as const;

const HEIGHT = 190;
const HOUR = 3_600_000;

export function HealthChart({ history }: { readonly history: readonly HealthSample[] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const dark = useDark();
  const data = toData(history);
  const latest = useRef(data);
  latest.current = data;

  // colours are read when it is made: another theme is another plot
  useEffect(() => {
    if (!box.current) return;
    const made = new uPlot(options(box.current, setAt), latest.current, box.current);
    plot.current = made;
    const sizes = new ResizeObserver(([entry]) => {
      if (entry) made.setSize({ width: entry.contentRect.width, height: HEIGHT });
    });
    sizes.observe(box.current);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark]);
  useEffect(() => plot.current?.setData(data), [history]);

  const shown = (at === null ? undefined : history[at]) ?? history.at(-1);
  if (!shown) return null;
  return (
    <figure class="chart">
      <figcaption>
        {LINES.map(({ key, word }) => (
          <span key={key} class={`line line-${key}`}>
            <svg viewBox="0 0 22 4" width="22" height="4" aria-hidden="true">
              <line x1="0" y1="2" x2="22" y2="2" />
            </svg>
            {word} <b class="figure">{percent(shown[key])}</b>
          </span>
        ))}
        <span class="dim figure">{at === null ? "now" : clock(shown.at)}</span>
      </figcaption>
      <div ref={box} class="plot" role="img" aria-label={inWords(history)} />
    </figure>
  );
}

/** uPlot counts in seconds. */
const toData = (history: readonly HealthSample[]): uPlot.AlignedData =>
  [
    history.map((s) => s.at / 1000),
    ...LINES.map(({ key }) => history.map((s) => s[key])),
  ] as uPlot.AlignedData;

function options(box: HTMLElement, onPoint: (index: number | null) => void): uPlot.Options {
  const style = getComputedStyle(box);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--dim"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    font: `12px ${style.fontFamily}`,
  };
  return {
    width: box.clientWidth || 300,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      // At least a few minutes wide: two heartbeats are no landscape.
      x: {
        range: (_, min, max) => [
          Math.max(min, max - HOUR / 1000) - (max - min < 300 ? 300 - (max - min) : 0),
          max,
        ],
      },
      y: { range: [0, 100] },
    },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((t) => clock(t * 1000).slice(0, 5)), space: 60 },
      { ...axis, values: (_, ticks) => ticks.map((t) => `${t} %`), size: 48, incrs: [25, 50] },
    ],
    series: [
      {},
      ...LINES.map(({ word, color: name, dash }) => ({
        label: word,
        stroke: color(name),
        width: 1.75,
        dash: [...dash],
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: { setCursor: [(u) => onPoint(u.cursor.idx ?? null)] },
  };
}

function inWords(history: readonly HealthSample[]): string {
  const parts = LINES.map(({ key, word }) => {
    const known = history.flatMap((s) => s[key] ?? []);
    if (known.length === 0) return `${word} not known`;
    return `${word} between ${percent(Math.min(...known))} and ${percent(Math.max(...known))}`;
  });
  return `In the last hour: ${parts.join(", ")}`;
}

function useDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia(DARK).matches);
  useEffect(() => {
    const query = matchMedia(DARK);
    const onChange = () => setDark(query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  return dark;
}

const DARK = "(prefers-color-scheme: dark)";
