// What goes to stdout: Qt's JSON, tables, and the spinner's noise.
import { writeSync } from "node:fs";

/** The control sequence with which the client's spinner clears its line. */
export const CLEAR = "\u001b[2K\u001b[0A\u001b[0E";

let cutAnswers = false;

/** Fault `truncate-json`: from now on answers lose their second half. */
export function cutAnswersShort(): void {
  cutAnswers = true;
}

/** Writes everything, also to a pipe that is full for the moment. */
export function write(fd: 1 | 2, text: string | Uint8Array): void {
  let rest = typeof text === "string" ? Buffer.from(text) : text;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Prints a command's answer. */
export function print(text: string): void {
  write(1, cutAnswers ? text.slice(0, Math.floor(text.length / 2)) : text);
}

/** JSON as Qt writes it: four spaces, keys sorted, empty containers over two lines, a newline at the end. */
export function qtJson(value: unknown): string {
  return `${render(value, "")}\n`;
}

function render(value: unknown, indent: string): string {
  if (Array.isArray(value))
    return block(
      "[",
      "]",
      value.map((item) => render(item, `${indent}    `)),
      indent,
    );
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const lines = entries.map(([key, item]) => `${JSON.stringify(key)}: ${render(item, `${indent}    `)}`);
    return block("{", "}", lines, indent);
  }
  return JSON.stringify(value);
}

function block(open: string, close: string, items: readonly string[], indent: string): string {
  const body = items.map((item) => `${indent}    ${item}`).join(",\n");
  return `${open}\n${body}${body ? "\n" : ""}${indent}${close}`;
}

/** Columns padded to the given widths; a value that does not fit pushes the rest to the right. */
export function tableRow(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, index) =>
    index === cells.length - 1 ? cell : cell.padEnd(widths[index] ?? 0),
  );
  return `${padded.join("")}\n`;
}
