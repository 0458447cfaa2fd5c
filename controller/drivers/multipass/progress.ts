/** Multipass's spinner, which is printed even without a terminal, as plain messages (CONTRACT section 1). */

/**
 * Text without ANSI sequences and backspaced spinner characters. Raw control characters never occur inside valid JSON.
 */
export function stripControls(raw: string): string {
  return raw.replace(ANSI, "").replace(/[^\u0008\n]?\u0008/g, "");
}

const ANSI = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])/g;

/** The messages of a spinner command, each once, e.g. `Retrieving image: 41%`, `Starting t1` (CONTRACT section 1). */
export function spinnerMessages(raw: string): readonly string[] {
  const messages: string[] = [];
  for (const part of raw.split(SEPARATORS)) {
    const message = part.trim();
    if (message.length > 1 && message !== messages.at(-1)) messages.push(message);
  }
  return messages;
}

/** A separator ends a message: a control sequence, a line end, or a spinner character with the backspace before it. */
const SEPARATORS = /(?:\u001b\[[0-9;?]*[ -/]*[@-~]|[\r\n]|\u0008[|/\\ -]?)+/;

/** Percentage at the end of a message, or null. */
export function percentOf(message: string): number | null {
  const match = /(\d{1,3})%$/.exec(message.trim());
  const value = match === null ? Number.NaN : Number(match[1]);
  return value <= 100 ? value : null;
}

/** Takes chunks of standard output, cut anywhere, and reports each complete message. */
export function createProgressReader(report: (message: string) => void): (chunk: string) => void {
  let pending = "";
  let last = "";
  const tell = (message: string) => {
    if (message === last) return;
    last = message;
    report(message);
  };
  return (chunk) => {
    pending += chunk;
    const end = Math.max(pending.lastIndexOf("\u001b"), pending.lastIndexOf("\n"), pending.lastIndexOf("\b"));
    if (end > 0) {
      for (const message of spinnerMessages(pending.slice(0, end))) tell(message);
      pending = pending.slice(end);
    }
    // A percentage is complete at its sign; waiting for the next one would delay every figure.
    const open = spinnerMessages(pending).at(-1) ?? "";
    if (percentOf(open) !== null) tell(open);
    if (pending.length > 4096) pending = "";
  };
}
