/** Editing one line of text: what each key does to it. Pure. */
import type { Press } from "./press.ts";
import type { Typing } from "./state.ts";

export const typed = (text: string): Typing => ({ text, cursor: text.length });

/** null: not a key that edits. */
export function edit({ text, cursor }: Typing, { name, text: more }: Press): Typing | null {
  const before = text.slice(0, cursor);
  const after = text.slice(cursor);
  switch (name) {
    case "text": {
      const one = more.replace(/[\r\n]+/g, " ").replace(/[\0-\x1f\x7f]/g, "");
      return { text: before + one + after, cursor: cursor + one.length };
    }
    case "backspace":
      return { text: before.slice(0, -1) + after, cursor: Math.max(0, cursor - 1) };
    case "delete":
      return { text: before + after.slice(1), cursor };
    case "left":
      return { text, cursor: Math.max(0, cursor - 1) };
    case "right":
      return { text, cursor: Math.min(text.length, cursor + 1) };
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
    case "ctrl+w": {
      const kept = before.replace(/\S*\s*$/, "");
      return { text: kept + after, cursor: kept.length };
    }
    default:
      return null;
  }
}
