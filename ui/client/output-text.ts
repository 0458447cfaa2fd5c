/** A task's output as text to show: both streams in order, control codes taken out, bounded with the tail kept. Pure. */
import { openEnd, printableText } from "../../controller/base/printable.ts";

export interface OutputPart {
  /** `gap`: the text says how much was discarded here. */
  readonly stream: "stdout" | "stderr" | "gap";
  readonly text: string;
}

export interface OutputEnd {
  readonly state: string;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly droppedBytes: number;
}

export interface OutputText {
  readonly state: string;
  readonly parts: readonly OutputPart[];
  /** The beginning was too much to show. */
  readonly cut: boolean;
  readonly end: OutputEnd | null;
}

export const emptyOutput: OutputText = { state: "queued", parts: [], cut: false, end: null };

/** Characters that are kept. */
const KEPT = 200_000;

type Data = Readonly<Record<string, unknown>>;

/** `event` as the hub names it: `output` or `state`. */
export function withChunk(output: OutputText, event: string, data: unknown): OutputText {
  const fields = (data ?? {}) as Data;
  if (event === "state") return { ...output, state: String(fields.state) };
  if (event !== "output" || typeof fields.data !== "string") return output;
  const stream = fields.stream === "stderr" ? "stderr" : "stdout";
  const text =
    fields.encoding === "base64" ? `[${bytesOf(fields.data)} bytes that are no text]\n` : fields.data;
  const before = withGap(output.parts, fields.gap);
  if (text === "") return { ...output, parts: before };
  return bounded({ ...output, state: "running", parts: joined(before, { stream, text }) });
}

/** Bytes that were discarded just before what the event carries; 0: none. */
export function gapBytes(gap: unknown): number {
  const { bytes } = (gap ?? {}) as Data;
  return typeof bytes === "number" && bytes > 0 ? bytes : 0;
}

/** `... 4.8 MB discarded here ...` */
export const gapText = (bytes: number): string => `... ${decimalSize(bytes)} discarded here ...`;

/** `812 bytes`, `4.8 MB`. */
export function decimalSize(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const power = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1).replace(/\.0$/, "")} ${["", "kB", "MB", "GB"][power]}`;
}

function withGap(parts: readonly OutputPart[], gap: unknown): readonly OutputPart[] {
  const bytes = gapBytes(gap);
  if (bytes === 0) return parts;
  const last = parts.at(-1);
  const begins = last === undefined || last.text.endsWith("\n") ? "" : "\n";
  return [...parts, { stream: "gap", text: `${begins}${gapText(bytes)}\n` }];
}

export function withEnd(output: OutputText, data: unknown): OutputText {
  const { state, exitCode, error, droppedBytes } = (data ?? {}) as Data;
  // Some runtimes give the exit code as the error too: it is said once.
  const isSaid = typeof exitCode === "number" && error === `exit code ${exitCode}`;
  const end: OutputEnd = {
    state: String(state),
    exitCode: typeof exitCode === "number" ? exitCode : null,
    error: typeof error === "string" && !isSaid ? error : null,
    droppedBytes: typeof droppedBytes === "number" ? droppedBytes : 0,
  };
  return { ...output, state: end.state, end };
}

const bytesOf = (base64: string): number =>
  Math.floor((base64.length * 3) / 4) - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0);

function joined(parts: readonly OutputPart[], part: OutputPart): readonly OutputPart[] {
  const last = parts.at(-1);
  if (last?.stream !== part.stream) return [...parts, { ...part, text: plain(part.text) }];
  return [...parts.slice(0, -1), { stream: part.stream, text: plain(last.text + part.text) }];
}

function bounded(output: OutputText): OutputText {
  let over = output.parts.reduce((sum, p) => sum + p.text.length, 0) - KEPT;
  if (over <= 0) return output;
  const parts: OutputPart[] = [];
  for (const part of output.parts) {
    if (over >= part.text.length) over -= part.text.length;
    else {
      parts.push({ ...part, text: part.text.slice(over) });
      over = 0;
    }
  }
  return { ...output, parts, cut: true };
}

/** A page ignores colours and cursor moves; a carriage return restarts the line, as on a terminal. */
export function plain(text: string): string {
  // What only the next piece completes is kept for it.
  const { whole, open } = text.endsWith("\r") ? { whole: text.slice(0, -1), open: "\r" } : openEnd(text);
  const drawn = whole.includes("\r") ? whole.replace(/\r\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "") : whole;
  return printableText(drawn) + open;
}
