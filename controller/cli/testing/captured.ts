/** An output whose lines are kept, so that a test reads what a person would. */
import type { Output } from "../output/output.ts";

export interface Captured extends Output {
  readonly lines: string[];
  readonly errors: string[];
}

/** `marks`: meanings show as `<role:text>`, so that colour can be tested without escape codes. */
export function captured(options: { readonly json?: boolean; readonly marks?: boolean } = {}): Captured {
  const lines: string[] = [];
  const errors: string[] = [];
  return {
    lines,
    errors,
    color: false,
    isTTY: false,
    width: 100,
    json: options.json ?? false,
    out: (text) => void lines.push(text),
    err: (text) => void errors.push(text),
    paint: (role, text) => (options.marks ? `<${role}:${text}>` : text),
  };
}
