/** Chance that can be had again: every draw follows from the seed. */

export interface Chance {
  /** 0 ≤ x < 1. */
  next(): number;
  /** True with probability `p`. */
  happens(p: number): boolean;
  /** A whole number, both ends included. */
  int(from: number, to: number): number;
  pick<T>(list: readonly T[]): T;
  /** The word that is drawn, each with its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K;
}

/** mulberry32 (public domain): 32 bits of state, good enough to draw lots with. */
export function createChance(seed: number): Chance {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    happens: (p) => next() < p,
    int,
    pick(list) {
      const found = list[int(0, list.length - 1)];
      if (found === undefined) throw new Error("nothing to pick from");
      return found;
    },
    weighted(weights) {
      const all = Object.entries(weights) as [keyof typeof weights, number][];
      let left = next() * all.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [word, weight] of all) {
        left -= weight;
        if (left < 0) return word;
      }
      throw new Error("nothing to draw from");
    },
  };
}
