/** The type of a row of the command table, and the global options. */
import type { Settings } from "../base/env.ts";
import type { Output } from "./output/output.ts";

/** What every command gets. */
export interface Invocation {
  readonly settings: Settings;
  readonly output: Output;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly version: string;
}

export type CommandRun = (invocation: Invocation) => Promise<number>;

export interface CommandSpec {
  /** Name and arguments in commander's notation. */
  readonly usage: string;
  readonly summary: string;
  /** Flags, text, default. */
  readonly options?: readonly (readonly [string, string, string?])[];
  /** Flags that may be given several times. */
  readonly repeatable?: readonly string[];
  /** It prints no data: `--json` is no option of it. */
  readonly noJson?: boolean;
  /** Everything after the first argument belongs to the inner command. */
  readonly passThrough?: boolean;
  /** Examples that work as printed, on the example fleet. */
  readonly example: readonly string[];
  /** Text at the end of `--help`. */
  readonly about?: () => Promise<string>;
  readonly load: () => Promise<CommandRun>;
}

export const nameOf = ({ usage }: CommandSpec): string => usage.split(" ", 1)[0] ?? "";

/** Options that select the fleet; allowed before and after the command. */
export const GLOBAL_OPTIONS = [
  ["--fleet <folder>", "the fleet folder (VM_AGENT_FLEET)"],
  ["--home <folder>", "the state folder (VM_AGENT_HOME)"],
  ["--driver <driver>", "auto, multipass, sandbox (VM_AGENT_DRIVER)"],
] as const;

export const JSON_OPTION = ["--json", "print data as JSON"] as const;
