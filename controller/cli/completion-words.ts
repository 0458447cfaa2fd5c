/** What may come next on a command line, from the command table and what the fleet holds. Pure but for asking for the latter. */
import type { CommandSpec } from "./commands.ts";

export interface Candidate {
  readonly word: string;
  readonly about: string;
}

export interface Known {
  readonly agents: readonly string[];
  readonly snapshots: readonly { readonly agent: string; readonly name: string }[];
}

const GLOBAL: readonly (readonly [string, string])[] = [
  ["--fleet <folder>", "the fleet folder"],
  ["--home <folder>", "the state folder"],
  ["--driver <driver>", "auto, multipass or sandbox"],
  ["--json", "print data as JSON"],
  ["--help", "what is allowed, with an example"],
];

/** Words that a placeholder stands for, beside names. */
const CLOSED: Readonly<Record<string, readonly string[]>> = {
  driver: ["auto", "multipass", "sandbox"],
  status: ["online", "offline"],
  shell: ["bash", "zsh", "fish"],
  verify: ["verify"],
  verb: ["show", "rotate", "join"],
};

/** `words`: everything after `vm-agent`, the last one as far as it is typed. Nothing: the shell may offer files. */
export async function candidates(
  commands: readonly CommandSpec[],
  words: readonly string[],
  ask: () => Promise<Known>,
): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const { command, values, open } = read(commands, before);
  const all = await (async (): Promise<readonly Candidate[]> => {
    if (open !== null) return named(open, values, ask);
    if (command?.passThrough && (values.length > 0 || placeholders(command)[0]?.endsWith("..."))) return [];
    if (current.startsWith("-")) return optionsOf(command);
    if (command === null && values.length > 0) return [];
    if (command === null)
      return commands.map(({ usage, summary }) => ({ word: usage.split(" ", 1)[0] ?? "", about: summary }));
    const all = placeholders(command);
    const at = all[Math.min(values.length, all.length - 1)];
    if (at === undefined || (values.length >= all.length && !at.endsWith("..."))) return [];
    return named(at.replace("...", ""), values, ask);
  })();
  return all.filter(({ word }) => word.startsWith(current));
}

const placeholders = ({ usage }: CommandSpec): readonly string[] =>
  usage
    .split(" ")
    .slice(1)
    .map((p) => p.replace(/[<>[\]]/g, ""));

const optionsOf = (command: CommandSpec | null): readonly Candidate[] =>
  [...(command?.options ?? []), ...(command ? GLOBAL.slice(3) : GLOBAL)].flatMap(([flags, about]) =>
    [...flags.matchAll(/--[a-z-]+/g)].map(([word]) => ({ word, about })),
  );

interface Read {
  readonly command: CommandSpec | null;
  readonly values: readonly string[];
  /** The placeholder of an option whose value comes next. */
  readonly open: string | null;
}

function read(commands: readonly CommandSpec[], words: readonly string[]): Read {
  let command: CommandSpec | null = null;
  let open: string | null = null;
  const values: string[] = [];
  for (const word of words) {
    if (open !== null) open = null;
    else if (word.startsWith("-")) {
      const flags: readonly (readonly [string, ...unknown[]])[] = [...GLOBAL, ...(command?.options ?? [])];
      const [found = ""] = flags.find(([f]) => f.split(/[ ,]+/).includes(word)) ?? [];
      open = /<([^>]+)>/.exec(found)?.[1] ?? null;
    } else if (command === null) {
      command = commands.find((c) => c.usage.split(" ", 1)[0] === word) ?? null;
      if (command === null) values.push(word);
    } else values.push(word);
  }
  return { command, values, open };
}

async function named(
  placeholder: string,
  values: readonly string[],
  ask: () => Promise<Known>,
): Promise<readonly Candidate[]> {
  const closed = CLOSED[placeholder];
  if (closed) return closed.map((word) => ({ word, about: "" }));
  if (placeholder === "snapshot")
    return (await ask()).snapshots
      .filter((s) => s.agent === values[0])
      .map(({ name }) => ({ word: name, about: "snapshot" }));
  // `task` takes a name first and its JSON then.
  const isName =
    placeholder === "name" || placeholder === "names" || (placeholder === "words" && values.length === 0);
  if (!isName) return [];
  return (await ask()).agents.filter((a) => !values.includes(a)).map((word) => ({ word, about: "agent" }));
}
