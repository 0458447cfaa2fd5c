// Qt's command line conventions: --name value, --name=value, -n value, -nvalue, options anywhere before `--`.
import type { Arguments, Option } from "./command.ts";
import { usage } from "../failure.ts";

const COMMON: readonly Option[] = [
  { long: "help", short: "h" },
  { long: "verbose", short: "v" },
];

export interface Parsed extends Arguments {
  /** The first unknown option; the caller words the error. */
  readonly unknown: string | undefined;
  /** Whether `--` was given. */
  readonly separated: boolean;
}

export function parseArguments(argv: readonly string[], known: readonly Option[]): Parsed {
  const options = new Map<string, string[]>();
  const positional: string[] = [];
  const table = [...COMMON, ...known];
  let unknown: string | undefined;
  let index = 0;
  let separated = false;
  const add = (option: Option, inline: string | undefined): void => {
    let value = "";
    if (option.value !== undefined) {
      index += inline === undefined ? 1 : 0;
      const given = inline ?? argv[index];
      if (given === undefined) throw usage(`Missing value after '${argv[index - 1]}'.`);
      value = given;
    }
    options.set(option.long, [...(options.get(option.long) ?? []), value]);
  };
  for (; index < argv.length; index += 1) {
    const word = argv[index] ?? "";
    if (word === "--") {
      separated = true;
      positional.push(...argv.slice(index + 1));
      break;
    }
    if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const name = word.slice(2, equals < 0 ? undefined : equals);
      const option = table.find(({ long }) => long === name);
      if (option) add(option, equals < 0 ? undefined : word.slice(equals + 1));
      else unknown ??= name;
    } else if (word.startsWith("-") && word.length > 1) {
      unknown ??= shortOptions(word, table, add);
    } else {
      positional.push(word);
    }
  }
  return {
    positional,
    options,
    unknown,
    separated,
    has: (name) => options.has(name),
    value: (name) => options.get(name)?.at(-1),
    values: (name) => options.get(name) ?? [],
  };
}

/** `-abc` is three switches, `-nNAME` an option with its value. */
function shortOptions(
  word: string,
  table: readonly Option[],
  add: (option: Option, inline: string | undefined) => void,
): string | undefined {
  for (let at = 1; at < word.length; at += 1) {
    const letter = word[at];
    const option = table.find(({ short, long }) => short?.includes(letter ?? "") || long === letter);
    if (!option || letter === undefined) return letter;
    if (option.value !== undefined) {
      const rest = word.slice(at + 1).replace(/^=/, "");
      add(option, rest === "" ? undefined : rest);
      return undefined;
    }
    add(option, undefined);
  }
  return undefined;
}
