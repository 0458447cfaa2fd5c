/** Terminal-safe text: removes escape sequences and control characters from content of guests and files. */

/**
 * ECMA-48 sequences, complete or truncated: control strings (OSC, DCS, SOS, PM, APC), CSI, and two-byte escapes, in
 * 7-bit and C1 form.
 */
const SEQUENCES =
  /(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g;
/**
 * Select Graphic Rendition: colours and weight, the only sequences that can neither move the cursor nor query the
 * terminal.
 */
const SGR = /^\x1b\[[\d;:]*m$/;
/** C0, DEL, C1, and bidirectional controls. */
const UNSAFE = /[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const BLANKS = /[\t\n\v\f\r\u2028\u2029]/g;
const REMOVED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const REMOVED_BUT_ESC = /[\0-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line: line breaks and tabs become blanks. */
export function printable(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(SEQUENCES, "").replace(BLANKS, " ").replace(REMOVED, "");
}

/** Several lines: keeps line feeds and tabs. */
export function printableText(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(SEQUENCES, "").replace(/\r\n/g, "\n").replace(REMOVED, "");
}

/** The same for a terminal with colours: keeps SGR too. */
export function terminalText(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text
    .replace(SEQUENCES, (found) => (SGR.test(found) ? found : ""))
    .replace(/\r\n/g, "\n")
    .replace(REMOVED_BUT_ESC, "");
}

/** JSON text with DEL, C1 and bidirectional controls escaped, which JSON.stringify leaves as they are. */
export function jsonText(json: string): string {
  return json.replace(
    /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** An incomplete sequence at the end of a piece of output. */
const OPEN =
  /(?:\x1b(?:[\]PX^_][^\x07\x1b\x9c\n]*\x1b?|\[[0-?]*[ -/]*|[ -/]*)|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c\n]*\x1b?|\x9b[0-?]*[ -/]*)$/;
/** A longer open sequence is a control string; its content is dropped as it comes. */
const LONGEST_OPEN = 256;

/** The incomplete end of a piece of output; only its start when it is long. */
export function openEnd(text: string): { readonly whole: string; readonly open: string } {
  const open = OPEN.exec(text)?.[0] ?? "";
  if (open === "") return { whole: text, open };
  const whole = text.slice(0, -open.length);
  if (open.length <= LONGEST_OPEN) return { whole, open };
  return { whole, open: open.slice(0, open.startsWith("\x1b") ? 2 : 1) };
}

/**
 * Filter for a stream of output to a terminal: keeps colours and carriage returns (progress bars). Pieces may cut
 * sequences anywhere.
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
