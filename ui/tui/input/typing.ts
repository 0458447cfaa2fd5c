/** Editing one line of text: what each key does to it. Pure. */
import type { Press } from "./press.ts";
import type { Typing } from "../app/state.ts";

export const typed = (text: string): Typing => ({ text, cursor: text.length });

/** A text that may be taken as it is: what is typed first replaces it, a key that moves the cursor keeps it to be edited. */
export const offered = (text: string): Typing => ({ ...typed(text), isOffer: true });

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Code units of the letter, as a person counts letters, that `text` ends or begins with. */
const lastLetter = (text: string): number => [...GRAPHEMES.segment(text)].at(-1)?.segment.length ?? 0;
const firstLetter = (text: string): number =>
  GRAPHEMES.segment(text)[Symbol.iterator]().next().value?.segment.length ?? 0;

/** Words end at spaces and at what names are made of several parts with. */
const wordBefore = (text: string): number => /[^\s/.,:=-]*[\s/.,:=-]*$/.exec(text)?.[0].length ?? 0;
const wordAfter = (text: string): number => /^[\s/.,:=-]*[^\s/.,:=-]*/.exec(text)?.[0].length ?? 0;

const REMOVING = new Set(["backspace", "delete", "ctrl+u", "ctrl+k", "ctrl+w", "word-backspace"]);

/** null: not a key that edits. */
export function edit(typing: Typing, press: Press): Typing | null {
  const replaces = typing.isOffer === true && (press.name === "text" || REMOVING.has(press.name));
  return changed(replaces ? typed("") : typing, press);
}

function changed({ text, cursor }: Typing, { name, text: more }: Press): Typing | null {
  const before = text.slice(0, cursor);
  const after = text.slice(cursor);
  const without = (count: number): Typing => ({
    text: before.slice(0, before.length - count) + after,
    cursor: cursor - count,
  });
  switch (name) {
    case "text": {
      const one = more.replace(/[\r\n\t]+/g, " ").replace(/[\0-\x1f\x7f-\x9f]/g, "");
      return { text: before + one + after, cursor: cursor + one.length };
    }
    case "backspace":
      return without(lastLetter(before));
    case "delete":
    case "ctrl+d":
      return { text: before + after.slice(firstLetter(after)), cursor };
    case "left":
    case "ctrl+b":
      return { text, cursor: cursor - lastLetter(before) };
    case "right":
    case "ctrl+f":
      return { text, cursor: cursor + firstLetter(after) };
    case "word-left":
      return { text, cursor: cursor - wordBefore(before) };
    case "word-right":
      return { text, cursor: cursor + wordAfter(after) };
    case "home":
    case "ctrl+a":
      return { text, cursor: 0 };
    case "end":
    case "ctrl+e":
      return { text, cursor: text.length };
    case "ctrl+u":
      return { text: after, cursor: 0 };
    case "ctrl+k":
      return { text: before, cursor };
    case "ctrl+w":
      return without(/\S*\s*$/.exec(before)?.[0].length ?? 0);
    case "word-backspace":
      return without(wordBefore(before));
    default:
      return null;
  }
}
