// What every command is: its options, and a function from parsed arguments to an exit code.
import type { Call } from "../call.ts";

export interface Option {
  readonly long: string;
  readonly short?: string;
  /** The name of its value in the help text; without one it is a switch. */
  readonly value?: string;
  readonly help?: string;
  readonly hidden?: boolean;
}

export interface Arguments {
  readonly positional: readonly string[];
  readonly options: ReadonlyMap<string, readonly string[]>;
  has(option: string): boolean;
  /** The last value given, or undefined. */
  value(option: string): string | undefined;
  values(option: string): readonly string[];
}

export interface Command {
  readonly options: readonly Option[];
  /** Positional arguments in the help text. */
  readonly synopsis?: string;
  /** Positional arguments explained in the help text. */
  readonly arguments?: Readonly<Record<string, string>>;
  readonly summary: string;
  /** Names of instances in its arguments, for fault rules and for what is shown while waiting. */
  names?(args: Arguments): readonly string[];
  run(call: Call, args: Arguments): Promise<number>;
}

export const FORMAT: Option = {
  long: "format",
  value: "format",
  help: "Output list in the requested format. Valid formats are: table (default), json, csv and yaml.",
};
