// Addresses of instances: invented, stable and unique.
import { allRecords } from "./instances.ts";

/** The lowest free address. */
export function freeAddress(): string {
  const taken = new Set(allRecords().map(({ address }) => address));
  for (let number = 2; ; number += 1) {
    const address = `10.137.${number >> 8}.${number & 255}`;
    if ((number & 255) !== 255 && (number & 255) !== 0 && !taken.has(address)) return address;
  }
}
