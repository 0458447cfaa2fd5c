/** Seeded chance for fuzzing: input number i of a seed is always the same, whatever came before it. */

export interface Chance {
  /** A whole number from 0 to below n. */
  below(n: number): number;
  pick<T>(list: readonly T[]): T;
  /** True once in n. */
  oneIn(n: number): boolean;
}

export function chanceOf(seed: number, index: number): Chance {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0;
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    pick: (list) => list[below(list.length)] as never,
    oneIn: (n) => below(n) === 0,
  };
}

const ODD_WORDS = [
  "",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "\u0000",
  "\ud800",
  "é",
  "💥",
  "../../etc/passwd",
  "a".repeat(300),
];
const ODD_NUMBERS = [0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, Number.NaN, Number.POSITIVE_INFINITY];

/** Any JSON value, shallow and small, with a liking for what programs trip over. */
export function anyJson(chance: Chance, depth = 3): unknown {
  switch (chance.below(depth > 0 ? 7 : 5)) {
    case 0:
      return null;
    case 1:
      return chance.oneIn(2);
    case 2:
      return chance.pick(ODD_NUMBERS);
    case 3:
      return chance.pick(ODD_WORDS);
    case 4:
      return anyText(chance, 12);
    case 5:
      return Array.from({ length: chance.below(4) }, () => anyJson(chance, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: chance.below(4) }, () => [
          chance.oneIn(3) ? chance.pick(ODD_WORDS) : anyText(chance, 6),
          anyJson(chance, depth - 1),
        ]),
      );
  }
}

export function anyText(chance: Chance, most: number): string {
  const length = chance.below(most + 1);
  return Array.from({ length }, () =>
    String.fromCharCode(chance.oneIn(8) ? chance.below(0x10000) : 32 + chance.below(95)),
  ).join("");
}

/** A value of the same shape with some parts replaced, removed or added. */
export function mutateJson(chance: Chance, value: unknown, rate = 6): unknown {
  if (chance.oneIn(rate)) return anyJson(chance, 2);
  if (Array.isArray(value)) {
    const list = value.map((item) => mutateJson(chance, item, rate));
    return chance.oneIn(rate) ? [...list, ...list] : list;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(() => !chance.oneIn(rate * 2))
      .map(([key, item]) => [key, mutateJson(chance, item, rate)] as const);
    return Object.fromEntries(
      chance.oneIn(rate) ? [...entries, [anyText(chance, 6), anyJson(chance, 1)]] : entries,
    );
  }
  return value;
}

/** Text with some characters cut out, doubled, flipped or put in. */
export function mutateText(chance: Chance, text: string): string {
  let result = text;
  for (let edits = 1 + chance.below(4); edits > 0; edits--) {
    const at = chance.below(result.length + 1);
    const to = Math.min(result.length, at + chance.below(20));
    switch (chance.below(4)) {
      case 0:
        result = result.slice(0, at) + result.slice(to);
        break;
      case 1:
        result = result.slice(0, to) + result.slice(at, to) + result.slice(to);
        break;
      case 2:
        result = result.slice(0, at) + anyText(chance, 5) + result.slice(at);
        break;
      default:
        result = result.slice(0, at);
    }
  }
  return result;
}

const EXTREME_NUMBERS = [
  "1e308",
  "-1e308",
  "1e999",
  "-0",
  "1e-999",
  "9007199254740993",
  "8.64e15",
  `${"9".repeat(5000)}`,
];

/** An object as JSON text that is deep, wide, long or full of extreme numbers; of at most so many characters. */
export function extremeJson(chance: Chance, most: number): string {
  // Mostly small: the bounds themselves are met by a few.
  const size = chance.below(chance.oneIn(10) ? most : 5000);
  const keys = ["x", "tasks", "problems", "memory", "result", "seq", "at", "lines", "payload", "taskId"];
  const repeated = (part: string, between: string) =>
    Array.from({ length: Math.ceil(size / (part.length + between.length)) }, () => part).join(between);
  const half = Math.floor(size / 2);
  const value = () => {
    switch (chance.below(7)) {
      case 0:
        return "[".repeat(half) + "]".repeat(half);
      case 1:
        return `${'{"a":'.repeat(Math.floor(size / 6))}1${"}".repeat(Math.floor(size / 6))}`;
      case 2:
        return `[${repeated(chance.pick(["1", "{}", "[]", "null"]), ",")}]`;
      case 3:
        return `{${Array.from({ length: Math.floor(size / 10) }, (_, i) => `"${i}k":1`).join(",")}}`;
      case 4:
        return `"${repeated(chance.pick(["a", '\\"', "\\u001b", "é", "[{,"]), "")}"`;
      case 5:
        return " ".repeat(size);
      default:
        return chance.pick(EXTREME_NUMBERS);
    }
  };
  const members = Array.from({ length: 1 + chance.below(3) }, () => `"${chance.pick(keys)}":${value()}`);
  return `{${members.join(",")}}`;
}

const PIECES = [
  "\u001b",
  "[",
  "]",
  "52;c;eA==",
  "0;t",
  "31m",
  "2J",
  "?1049h",
  "\u0007",
  "\u009b",
  "\u009d",
  "\u009c",
];
const MORE = ["\\", "text", "é", "\n", "\r", "\t", "P", "(0", "\u202e", "\u0000", "\u007f", "|", '"'];

/** Text made of what terminals obey. */
export const steeringText = (chance: Chance): string =>
  Array.from({ length: 1 + chance.below(20) }, () => chance.pick([...PIECES, ...MORE])).join("");
