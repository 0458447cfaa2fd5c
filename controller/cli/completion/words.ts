/** Completion candidates from the command table and the names of the fleet. Pure, except for reading the names. */
import { type CommandSpec, GLOBAL_OPTIONS, JSON_OPTION, nameOf } from "../command-spec.ts";

export interface Candidate {
  readonly word: string;
  /** Shown beside the word by some shells; may be empty. */
  readonly about: string;
}

/** Where the shell itself should look in addition. */
export type Elsewhere = "files" | "folders" | "nothing";

export interface Offer {
  readonly words: readonly Candidate[];
  readonly elsewhere: Elsewhere;
}

/** Sources of names. */
export type Kind =
  | "agents"
  | "audit-kinds"
  | "capabilities"
  | "foreign"
  | "labels"
  | "open-tasks"
  | "pairs"
  | "profiles"
  | "revisions"
  | "snapshots"
  | "types";

/** `values`: the arguments before, so that snapshots are those of the given agent. */
export type Ask = (kind: Kind, values: readonly string[]) => Promise<readonly Candidate[]>;

type Source = Kind | Exclude<Elsewhere, "nothing"> | readonly (string | readonly [string, string])[];

type Option = readonly [flags: string, about: string, ...unknown[]];

const GLOBAL: readonly Option[] = [
  ...GLOBAL_OPTIONS,
  JSON_OPTION,
  ["--help", "what is allowed, with an example"],
];

/** By option, by command and placeholder, or by placeholder alone; others are free text. */
const SOURCES: Readonly<Record<string, Source>> = {
  "--agents": "agents",
  "--capabilities": "capabilities",
  "--capability": "capabilities",
  "--kind": "audit-kinds",
  "--label": "labels",
  "--profile": "profiles",
  "--selector": "pairs",
  "--type": "types",
  "audit verb": [
    ["verify", "whether the record is whole"],
    ["acknowledge", "go on without what is lost"],
  ],
  "cancel id": "open-tasks",
  "create name": [],
  "import name": "foreign",
  "multipass args": [
    "exec",
    "find",
    "get",
    "info",
    "launch",
    "list",
    "networks",
    "shell",
    "start",
    "stop",
    "version",
  ],
  "restore snapshot": "snapshots",
  "rollback rev": "revisions",
  "token verb": [
    ["show", "print the token"],
    ["rotate", "a new one, which a running hub takes at once"],
    ["join", "a join token for one agent"],
  ],
  driver: [
    ["auto", "Multipass where it answers, else the sandbox"],
    ["multipass", "virtual machines"],
    ["sandbox", "folders and processes of this machine"],
  ],
  file: "files",
  folder: "folders",
  name: "agents",
  names: "agents",
  shell: ["bash", "zsh", "fish"],
  status: [
    ["online", "its runtime is connected"],
    ["offline", "its runtime is not"],
  ],
};

/** Options with comma-separated values. */
const LISTS = new Set(["--agents", "--capabilities", "--selector"]);

const NOTHING: Offer = { words: [], elsewhere: "nothing" };

/** `words`: everything after `vm-agent`, the last one possibly incomplete. */
export async function candidates(
  commands: readonly CommandSpec[],
  words: readonly string[],
  ask: Ask,
): Promise<Offer> {
  const current = words.at(-1) ?? "";
  const line = read(commands, words.slice(0, -1));
  const [, flag, typed] = /^(--[a-z-]+)=(.*)$/s.exec(current) ?? [];
  if (line.open !== null) return optionValue(line.open, current, "", line, ask);
  if (line.isOver) {
    const isMultipass = line.command !== null && nameOf(line.command) === "multipass";
    return isMultipass ? offer("agents", current, "", [], ask) : { words: [], elsewhere: "files" };
  }
  if (flag !== undefined && typed !== undefined) {
    const option = optionsOf(line.command).find(([flags]) => longOf(flags) === flag);
    return option ? optionValue(option, typed, `${flag}=`, line, ask) : NOTHING;
  }
  if (current.startsWith("-") && !line.isEscaped) return begunBy(flagsOf(line), current);
  if (line.command === null) {
    const isFirst = line.values.length === 0;
    return isFirst || line.values.join() === "help" ? begunBy(namesOf(commands, isFirst), current) : NOTHING;
  }
  return positional(line.command, line, current, ask);
}

async function positional(command: CommandSpec, line: Line, current: string, ask: Ask): Promise<Offer> {
  const places = placeholders(command);
  const place = places[Math.min(line.values.length, places.length - 1)];
  if (place === undefined || (line.values.length >= places.length && !place.endsWith("..."))) return NOTHING;
  const name = nameOf(command);
  // `task` takes a name and then JSON, and with a selector only JSON.
  if (name === "task" && (line.values.length > 0 || line.given.some((f) => CHOICES.has(f)))) return NOTHING;
  if (name === "token" && line.values.length > 0 && line.values[0] !== "join") return NOTHING;
  const key = name === "task" ? "name" : place.replace("...", "");
  const source = SOURCES[`${name} ${key}`] ?? SOURCES[key] ?? [];
  return offer(source, current, "", line.values, ask);
}

const CHOICES = new Set(["--capability", "--selector", "--agents", "--all"]);

async function optionValue(
  [flags]: Option,
  current: string,
  prefix: string,
  line: Line,
  ask: Ask,
): Promise<Offer> {
  const flag = longOf(flags);
  const source = SOURCES[flag] ?? SOURCES[placeholderOf(flags) ?? ""] ?? [];
  if (!LISTS.has(flag)) return offer(source, current, prefix, line.values, ask);
  const at = current.lastIndexOf(",") + 1;
  const taken = current.slice(0, at).split(",");
  return offer(source, current.slice(at), prefix + current.slice(0, at), taken, ask);
}

/** Matching candidates, each with the part of the word before it. */
async function offer(
  source: Source,
  typed: string,
  prefix: string,
  values: readonly string[],
  ask: Ask,
): Promise<Offer> {
  if (source === "files" || source === "folders") return { words: [], elsewhere: source };
  const all =
    typeof source === "string"
      ? await ask(source, values)
      : source.map((s) => (typeof s === "string" ? { word: s, about: "" } : { word: s[0], about: s[1] }));
  const words = all.filter(({ word }) => !values.includes(word) && !/[\s\p{C}]/u.test(word));
  return begunBy(
    words.map(({ word, about }) => ({ word: prefix + word, about })),
    prefix + typed,
  );
}

const begunBy = (all: readonly Candidate[], current: string): Offer => ({
  words: all.filter(({ word }) => word.startsWith(current)),
  elsewhere: "nothing",
});

const namesOf = (commands: readonly CommandSpec[], withHelp: boolean): readonly Candidate[] => [
  ...commands.map((command) => ({ word: nameOf(command), about: command.summary })),
  ...(withHelp ? [{ word: "help", about: "show a command's options and an example" }] : []),
];

const placeholders = ({ usage }: CommandSpec): readonly string[] =>
  usage
    .split(" ")
    .slice(1)
    .map((p) => p.replace(/[<>[\]]/g, ""));

const placeholderOf = (flags: string): string | null => /<([^>]+)>/.exec(flags)?.[1] ?? null;
const longOf = (flags: string): string => /--[a-z-]+/.exec(flags)?.[0] ?? flags;

const optionsOf = (command: CommandSpec | null): readonly Option[] => [
  ...(command?.options ?? []),
  ...GLOBAL.filter(([flags]) => flags !== "--json" || !command?.noJson),
];

/** Options that are not given yet, or may be repeated. */
const flagsOf = ({ command, given }: Line): readonly Candidate[] =>
  optionsOf(command)
    .filter(([flags]) => command?.repeatable?.includes(flags) || !given.includes(longOf(flags)))
    .map(([flags, about]) => ({ word: longOf(flags), about }));

interface Line {
  readonly command: CommandSpec | null;
  readonly values: readonly string[];
  /** Options by their long name. */
  readonly given: readonly string[];
  /** The option whose value comes next. */
  readonly open: Option | null;
  /** After `--`: no more options. */
  readonly isEscaped: boolean;
  /** Arguments of another program. */
  readonly isOver: boolean;
}

function read(commands: readonly CommandSpec[], words: readonly string[]): Line {
  let command: CommandSpec | null = null;
  let open: Option | null = null;
  let isEscaped = false;
  const values: string[] = [];
  const given: string[] = [];
  const isPassing = () => Boolean(command?.passThrough) && (isEscaped || values.length > 0);
  for (const word of words) {
    if (open !== null) open = null;
    else if (word === "--" && !isEscaped) isEscaped = true;
    else if (word.startsWith("-") && !isEscaped && !isPassing()) {
      const [flag = "", value] = word.split("=", 2);
      const options: readonly Option[] = [...GLOBAL, ...(command?.options ?? [])];
      const found = options.find(([flags]) => flags.split(/[ ,]+/).includes(flag));
      if (found) given.push(longOf(found[0]));
      open = found && value === undefined && placeholderOf(found[0]) !== null ? found : null;
    } else if (command === null && values.length === 0) {
      command = commands.find((c) => nameOf(c) === word) ?? null;
      if (command === null) values.push(word);
    } else values.push(word);
  }
  return { command, values, given, open, isEscaped, isOver: isPassing() };
}
