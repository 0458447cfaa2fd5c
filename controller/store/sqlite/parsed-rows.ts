/** A cache of parsed JSON rows: an unchanged text returns the value of the last reading. */

import { storedValue } from "./errors.ts";

/**
 * Few rows change between two refreshes of the loop, and parsing 10,000 claims and 10,000 sizes took longer than all
 * decisions about them. Values are shared between readings and must not be changed. `keys` and `texts` are in one
 * order, by key; another order would only cost time.
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
