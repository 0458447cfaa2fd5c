/** Parses the line of `vm-agent exec`: options of vm-agent against words of the command. Pure. */

/** Options that the first-generation form allows after a command of one word, with their number of words. */
const TRAILING: ReadonlyMap<string, number> = new Map([
  ["--sudo", 1],
  ["--timeout", 2],
]);

/**
 * The same line with the options before the name and `--` before the command. Options belong to vm-agent until `--` or the first
 * word after the name that is no option; a command of one word may be followed by --sudo and --timeout. `takesValue`: of a flag.
 */
export function execWords(
  words: readonly string[],
  takesValue: (flag: string) => boolean,
): readonly string[] {
  const options: string[] = [];
  let at = 0;
  const takeOptions = () => {
    for (let word = words[at]; word !== undefined && word !== "--" && /^-./.test(word); word = words[at]) {
      const count = !word.includes("=") && takesValue(word) ? 2 : 1;
      options.push(...words.slice(at, at + count));
      at += count;
    }
  };
  takeOptions();
  const isSeparated = words[at] === "--";
  const [name] = words.slice(isSeparated ? at + 1 : at);
  if (name === undefined) return words;
  at += isSeparated ? 2 : 1;
  if (!isSeparated) takeOptions();
  const rest = words.slice(at);
  if (rest[0] === "--") return [...options, name, "--", ...rest.slice(1)];
  const trailing = isSeparated ? [] : rest.slice(1);
  return trailing.length > 0 && onlyTrailing(trailing)
    ? [...options, ...trailing, name, "--", ...rest.slice(0, 1)]
    : [...options, name, "--", ...rest];
}

function onlyTrailing(words: readonly string[]): boolean {
  let at = 0;
  while (at < words.length) {
    const [flag = "", value] = (words[at] ?? "").split("=", 2);
    const count = TRAILING.get(flag);
    if (count === undefined || (count === 1 && value !== undefined)) return false;
    at += value === undefined ? count : 1;
  }
  return at === words.length;
}
