// `help`: the list of commands, and the options of one.
import { type CommandName, COMMAND_NAMES, SUMMARIES, commandName } from "../../frontend/command-names.ts";
import type { Command, Option } from "../../frontend/command.ts";
import { Exit } from "../../failure.ts";
import { print } from "../../frontend/output.ts";

const VERBOSE =
  "Increase logging verbosity. Repeat the 'v' in the short option for more detail. Maximum verbosity is obtained with 4 (or more) v's, i.e. -vvvv.";

export function generalHelp(): string {
  const rows = COMMAND_NAMES.map((name) => `  ${name.padEnd(14)}${SUMMARIES[name]}\n`);
  return `Usage: multipass [options] <command>
Create, control and connect to Ubuntu instances.

This is a command line utility for multipass, a
service that manages Ubuntu instances.

Options:
  -h, --help     Displays help on commandline options
  -v, --verbose  ${wrap(VERBOSE, 17)}

Available commands:
${rows.join("")}`;
}

export function commandHelp(name: CommandName, command: Command): string {
  const options: readonly Option[] = [
    { long: "help", short: "h", help: "Displays help on commandline options" },
    { long: "verbose", short: "v", help: VERBOSE },
    ...command.options.filter(({ hidden }) => !hidden),
  ];
  const titles = options.map(optionTitle);
  const width = Math.max(...titles.map((title) => title.length)) + 4;
  const row = (title: string, text: string): string => `  ${title.padEnd(width - 2)}${wrap(text, width)}\n`;
  const rows = options.map((option, at) => row(titles[at] ?? "", option.help ?? ""));
  const synopsis = command.synopsis ? ` ${command.synopsis}` : "";
  const text = `Usage: multipass ${name} [options]${synopsis}\n${command.summary}.\n\nOptions:\n${rows.join("")}`;
  const positional = Object.entries(command.arguments ?? {}).map(([title, help]) => row(title, help));
  return positional.length > 0 ? `${text}\nArguments:\n${positional.join("")}\n` : text;
}

function optionTitle({ long, short, value }: Option): string {
  const names = [...(short ?? "")].map((letter) => `-${letter}`).concat(`--${long}`);
  return `${names.join(", ")}${value === undefined ? "" : ` <${value}>`}`;
}

/** Words over lines of 79 columns (80 after the first, as Qt counts), continued below the first line's beginning; a paragraph may begin with blanks. */
function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = /^ */.exec(paragraph)?.[0] ?? "";
    let words = 0;
    for (const word of paragraph.trim().split(" ")) {
      if (words > 0 && line.length + 1 + word.length > (lines.length === 0 ? 79 : 80) - indent) {
        lines.push(line);
        line = word;
      } else line = words === 0 ? `${line}${word}` : `${line} ${word}`;
      words += 1;
    }
    lines.push(line);
  }
  return lines
    .map((line, at) => (at === 0 || line === "" ? line : `${" ".repeat(indent)}${line}`))
    .join("\n");
}

export const helpOf = (load: (name: CommandName) => Promise<Command>): Command => ({
  options: [],
  synopsis: "<command>",
  summary: "Display help about a command",
  names: () => [],
  async run(_call, args) {
    const word = args.positional[0];
    if (word === undefined) {
      print(generalHelp());
      return 0;
    }
    const name = commandName(word);
    if (!name) throw new Exit(1, "", `Error: Unknown command '${word}' (try "multipass help")\n`);
    print(commandHelp(name, await load(name)));
    return 0;
  },
});
