/** Small things that every view draws with: marks with glyph and word, ages, sparklines, an empty state. */
/** @jsxImportSource preact */
import type { ComponentChildren } from "preact";
import { lostWords } from "../../client/follow.ts";
import { ago, dateTime, duration, percent } from "../../client/format.ts";
import { sparkline } from "../../client/health.ts";
import type { Mark } from "../../client/tones.ts";
import { useNow } from "../app/hooks.ts";

export function Chip({ mark, title }: { readonly mark: Mark; readonly title?: string }) {
  return (
    <span class={`chip tone-${mark.tone}`} {...(title === undefined ? {} : { title })}>
      <span class="glyph" aria-hidden="true">
        {mark.glyph}
      </span>
      {mark.word}
    </span>
  );
}

/** `12s ago`, counted on by itself. */
export function Ago({ at }: { readonly at: number }) {
  const now = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={dateTime(at)}>
      {ago(at, now)}
    </time>
  );
}

export function Elapsed({ since }: { readonly since: number }) {
  return <span class="figure">{duration(Math.max(1000, useNow() - since))}</span>;
}

export interface SparkProps {
  readonly label: string;
  readonly values: readonly (number | null)[];
  readonly width?: number;
  readonly height?: number;
}

/** The last value in figures, the way there as a line. */
export function Spark({ label, values, width = 56, height = 20 }: SparkProps) {
  const last = values.at(-1) ?? null;
  const tone = last === null ? "dim" : last >= 90 ? "bad" : last >= 75 ? "warn" : "accent";
  const points = sparkline(values, width, height);
  return (
    <span class={`spark tone-${tone}`}>
      <span class="spark-label">{label}</span>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {points !== "" && <polygon points={`0,${height} ${points} ${width},${height}`} />}
        {points !== "" && <polyline points={points} vector-effect="non-scaling-stroke" />}
      </svg>
      <span class="figure">{percent(last)}</span>
    </span>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** What failed and what to do about it. */
export function Problem({ children }: { readonly children: ComponentChildren }) {
  return (
    <p class="problem" role="alert">
      <span aria-hidden="true">✗ </span>
      {children}
    </p>
  );
}

export const problemWords = lostWords;
