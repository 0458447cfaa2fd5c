/**
 * Untrusted JSON, bounded before it is parsed: depth and values are counted in the text, because parsing, copying and
 * printing a value nested a million deep takes seconds or overflows the stack.
 */

export interface JsonBounds {
  /** Nested objects and arrays. */
  readonly depth: number;
  /** Objects, arrays and their members, all together. */
  readonly values: number;
}

/** One frame of a runtime: a hello with a journal of 10,000 tasks fits. */
export const GUEST_JSON: JsonBounds = { depth: 64, values: 50_000 };
/** An HTTP body: a batch of 1,000 tasks with their own variables fits. */
export const BODY_JSON: JsonBounds = { depth: 64, values: 200_000 };

export type Counted =
  | { readonly ok: true; readonly values: number }
  | { readonly ok: false; readonly reason: string };

/** Looks at brackets, commas and strings only; validity is left to the parser. */
export function countJson(text: string, bounds: JsonBounds): Counted {
  // Large text with few brackets and commas needs no look at each character.
  if (text.length > LARGE) {
    const opened = occurrences(text, "[", bounds.depth) + occurrences(text, "{", bounds.depth);
    const values = 1 + opened + occurrences(text, ",", bounds.values);
    if (opened <= bounds.depth && values <= bounds.values) return { ok: true, values };
  }
  let depth = 0;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === BRACE || code === BRACKET || code === COMMA) {
      if (++values > bounds.values) return { ok: false, reason: `it has more than ${bounds.values} values` };
      if (code !== COMMA && ++depth > bounds.depth)
        return { ok: false, reason: `it is nested deeper than ${bounds.depth} levels` };
    } else if (code === END_BRACE || code === END_BRACKET) depth--;
  }
  return { ok: true, values };
}

/** For values stored unbounded by an earlier version: deeper levels become null, the rest is kept. */
export function parseStored(text: string, depth = GUEST_JSON.depth): unknown {
  const kept: string[] = [];
  let level = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === BRACE || code === BRACKET) {
      if (++level === depth + 1) kept.push(text.slice(from, i), "null");
    } else if (code === END_BRACE || code === END_BRACKET) {
      if (level-- === depth + 1) from = i + 1;
    }
  }
  return JSON.parse(kept.length === 0 ? text : kept.join("") + text.slice(from)) as unknown;
}

/** Counts up to one more than `most`. */
function occurrences(text: string, character: string, most: number): number {
  let found = 0;
  for (let at = text.indexOf(character); at >= 0 && found <= most; at = text.indexOf(character, at + 1))
    found++;
  return found;
}

/** The index of the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) break;
  }
  return i;
}

/** Characters. */
const LARGE = 1024;
const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const BRACKET = 91;
const END_BRACKET = 93;
const BRACE = 123;
const END_BRACE = 125;
