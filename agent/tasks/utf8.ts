/** Cutting a byte stream into pieces that do not cut a character; pure. */

/** How many bytes at the end of `bytes` begin a UTF-8 character whose rest has not come yet: 0 to 3. */
export function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const length =
      byte >= 0xf0 && byte <= 0xf4
        ? 4
        : byte >= 0xe0 && byte < 0xf0
          ? 3
          : byte >= 0xc2 && byte < 0xe0
            ? 2
            : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** The first position at or below `max` that does not cut a character; `max` itself where the bytes are not UTF-8. */
export function cutAt(bytes: Uint8Array, max: number): number {
  if (bytes.length <= max) return bytes.length;
  const cut = max - incompleteTail(bytes.subarray(0, max));
  return cut === 0 ? max : cut;
}

/** The first position at or above `min` that does not begin inside a character: where a kept tail may start. */
export function startAt(bytes: Uint8Array, min: number): number {
  for (let at = min; at < Math.min(bytes.length, min + 4); at += 1) {
    if ((bytes[at]! & 0b1100_0000) !== 0b1000_0000) return at;
  }
  return Math.min(min, bytes.length);
}

/** Line ends in the bytes. By `split`, as this runtime compiles nothing (frugal.ts): of a gigabyte of short lines it takes 4 s, a loop 25. */
export const lineEnds = (bytes: Buffer): number =>
  bytes.includes(10) ? bytes.toString("latin1").split("\n").length - 1 : 0;

/** The first position behind a line end at or after `from`, if it is within `reach` bytes; else null. */
export function lineEnd(bytes: Uint8Array, from: number, reach: number): number | null {
  const at = bytes.indexOf(10, Math.max(0, from));
  return at >= 0 && at - from < reach ? at + 1 : null;
}

export function encodeBytes(bytes: Buffer): { readonly data: string; readonly encoding: "utf8" | "base64" } {
  try {
    // A BOM is part of the output, hence ignoreBOM.
    return {
      data: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
      encoding: "utf8",
    };
  } catch {
    return { data: bytes.toString("base64"), encoding: "base64" };
  }
}
