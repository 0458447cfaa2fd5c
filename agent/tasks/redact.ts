/** Replaces the exact values of secrets in a byte stream by `***`, also where a value is cut across two pieces. */

/** Shorter values are left: replacing every `1` or `no` would destroy the output and tell the value by its gaps. */
export const SHORTEST_SECRET = 6;
const MASK = "***";

export interface Redactor {
  /** What of the stream can be shown now; a possible beginning of a secret at the end is held back. */
  push(bytes: Buffer): Buffer;
  /** The rest. */
  end(): Buffer;
}

/** Bytes are handled as latin1 text, where one character is one byte, so that the search is exact for any encoding. */
export function createRedactor(values: readonly string[]): Redactor {
  const secrets = [...new Set(values.flatMap((value) => [value, value.trim()]))]
    .map((value) => Buffer.from(value, "utf8").toString("latin1"))
    .filter((value) => value.length >= SHORTEST_SECRET)
    // The longest first: a secret that contains another is masked whole.
    .sort((a, b) => b.length - a.length);
  if (secrets.length === 0) return { push: (bytes) => bytes, end: () => Buffer.alloc(0) };
  let held = "";

  const take = (last: boolean): Buffer => {
    let out = "";
    let at = 0;
    while (at < held.length) {
      const rest = held.length - at;
      // Decided in order of length at each position: a longer secret that may still complete wins over a shorter one.
      const hit = secrets.find((secret) =>
        rest >= secret.length ? held.startsWith(secret, at) : !last && secret.startsWith(held.slice(at)),
      );
      if (hit === undefined) {
        const next = nextStart(at + 1);
        out += held.slice(at, next);
        at = next;
      } else if (rest < hit.length) break;
      else {
        out += MASK;
        at += hit.length;
      }
    }
    held = held.slice(at);
    return Buffer.from(out, "latin1");
  };

  /** The next position where a secret could begin: skips what cannot match without trying every byte. */
  const nextStart = (from: number): number => {
    let next = held.length;
    for (const secret of secrets) {
      const found = held.indexOf(secret[0]!, from);
      if (found >= 0 && found < next) next = found;
    }
    return next;
  };

  return {
    push: (bytes) => {
      held += bytes.toString("latin1");
      return take(false);
    },
    end: () => take(true),
  };
}
