/** Rows of JSON, each parsed once: one whose text is as it was at the last reading gives the very value of then. */

import { storedValue } from "./errors.ts";

/**
 * Nearly nothing changes between two looks of the loop, and to parse 10,000 claims and 10,000 sizes took longer than everything
 * that was decided about them. Values are shared between readings, and so nobody may change them. `keys` and `texts` are in
 * one order, by key; another order would cost time, and nothing else.
 */
export function createParsedRows<T>(): (keys: readonly string[], texts: readonly string[]) => readonly T[] {
  let formerKeys: readonly string[] = [];
  let formerTexts: readonly string[] = [];
  let former: readonly T[] = [];
  return (keys, texts) => {
    let at = 0;
    const values = texts.map((text, i) => {
      const key = keys[i] ?? "";
      while (at < formerKeys.length && (formerKeys[at] ?? "") < key) at++;
      const isKnown = formerKeys[at] === key && formerTexts[at] === text;
      return isKnown ? (former[at] as T) : storedValue<T>(text);
    });
    [formerKeys, formerTexts, former] = [keys, texts, values];
    return values;
  };
}
