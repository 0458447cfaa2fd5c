/** A key as one name, whatever the terminal sent for it. */

export interface Press {
  /** `text` for what can be typed, else a name: `up`, `enter`, `ctrl+c`. */
  readonly name: string;
  /** With `text`: the letters. */
  readonly text: string;
}

/** The part of Ink's `Key` that is read here. */
export interface KeyFlags {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageDown: boolean;
  readonly pageUp: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly tab: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly meta: boolean;
}

const NAMED = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageUp", "pageup"],
  ["pageDown", "pagedown"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["escape", "esc"],
  ["backspace", "backspace"],
  ["delete", "delete"],
] as const satisfies readonly (readonly [keyof KeyFlags, string])[];

export function pressOf(input: string, key: KeyFlags): Press | null {
  if (key.ctrl || key.meta) {
    // A word instead of a letter: Ctrl or Alt with an arrow, Alt with b and f as shells have it, Alt with Backspace.
    if (key.leftArrow || (key.meta && input === "b")) return { name: "word-left", text: "" };
    if (key.rightArrow || (key.meta && input === "f")) return { name: "word-right", text: "" };
    if (key.backspace && key.meta) return { name: "word-backspace", text: "" };
  }
  if (key.tab) return { name: key.shift ? "shift+tab" : "tab", text: "" };
  for (const [flag, name] of NAMED) if (key[flag]) return { name, text: "" };
  if (input === "") return null;
  if (key.ctrl) return { name: `ctrl+${input.toLowerCase()}`, text: "" };
  // Alt with another letter means nothing here.
  return key.meta ? null : { name: "text", text: input };
}
