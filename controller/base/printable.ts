/** Terminal-safe text: removes escape sequences and control characters from everything that a guest or a file wrote. */

/** ECMA-48 sequences, complete or cut off: control strings (OSC, DCS, SOS, PM, APC), CSI, and two-byte escapes, in 7-bit and C1 form. */
const SEQUENCES =
  /(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g;
/** Select Graphic Rendition: colours and weight, the only sequences that cannot move the cursor or talk to the terminal. */
const SGR = /^\x1b\[[\d;:]*m$/;
/** C0, DEL, C1, and what changes the direction of writing. */
const UNSAFE = /[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const BLANKS = /[\t\n\v\f\r\u2028\u2029]/g;
const REMOVED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const REMOVED_BUT_ESC = /[\0-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line: line breaks and tabs become blanks. */
export function printable(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(SEQUENCES, "").replace(BLANKS, " ").replace(REMOVED, "");
}

/** Several lines: line feeds and tabs stay. */
export function printableText(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(SEQUENCES, "").replace(/\r\n/g, "\n").replace(REMOVED, "");
}

/** The same for a terminal that shows colours: SGR stays, too. */
export function terminalText(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text
    .replace(SEQUENCES, (found) => (SGR.test(found) ? found : ""))
    .replace(/\r\n/g, "\n")
    .replace(REMOVED_BUT_ESC, "");
}

/** JSON text without raw DEL, C1 and direction marks, which JSON.stringify leaves as they are. */
export function jsonText(json: string): string {
  return json.replace(
    /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A sequence whose end has not come yet, at the end of a piece of output. */
const OPEN =
  /(?:\x1b(?:[\]PX^_][^\x07\x1b\x9c\n]*\x1b?|\[[0-?]*[ -/]*|[ -/]*)|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c\n]*\x1b?|\x9b[0-?]*[ -/]*)$/;
/** An open sequence that is longer is a control string; its content is dropped as it comes. */
const LONGEST_OPEN = 256;

/** What a piece of output ends with and only the next piece completes; its start alone when it is long. */
export function openEnd(text: string): { readonly whole: string; readonly open: string } {
  const open = OPEN.exec(text)?.[0] ?? "";
  if (open === "") return { whole: text, open };
  const whole = text.slice(0, -open.length);
  if (open.length <= LONGEST_OPEN) return { whole, open };
  return { whole, open: open.slice(0, open.startsWith("\x1b") ? 2 : 1) };
}

/**
 * Filter for a stream of output that goes to a terminal: colours and carriage returns (progress bars) stay. Sequences may be
 * cut anywhere by the pieces.
 */
export function createTerminalFilter(): { push(text: string): string } {
  let open = "";
  return {
    push(text) {
      const split = openEnd(open + text);
      open = split.open;
      return split.whole.split("\r").map(terminalText).join("\r");
    },
  };
}
