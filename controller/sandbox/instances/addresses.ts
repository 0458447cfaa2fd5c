// Addresses of instances: made up, stable, and nobody else's.
import { allRecords } from "./instances.ts";

/** The lowest address that nobody has. */
export function freeAddress(): string {
  const taken = new Set(allRecords().map(({ address }) => address));
  for (let number = 2; ; number += 1) {
    const address = `10.137.${number >> 8}.${number & 255}`;
    if ((number & 255) !== 255 && (number & 255) !== 0 && !taken.has(address)) return address;
  }
}
