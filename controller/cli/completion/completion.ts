/** `vm-agent completion SHELL`: a completion script, which calls `vm-agent completion words` for candidates. */
import { readSettings } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { knownOf } from "./known.ts";
import { SCRIPTS } from "./scripts.ts";
import { candidates } from "./words.ts";
import { globalFlags } from "../global-flags.ts";
import type { CommandRun, CommandSpec } from "../command-spec.ts";

export const completionOf =
  (commands: readonly CommandSpec[]): CommandRun =>
  async ({ output, args }) => {
    const [shell = "", ...rest] = args;
    if (shell === "words") {
      const words = rest[0] === "--" ? rest.slice(1) : rest;
      // The completed line may select another fleet than this process.
      const settings = readSettings(globalFlags(words.slice(0, -1)), process.env, process.cwd());
      const offer = await candidates(commands, words, knownOf(settings));
      for (const { word, about } of offer.words) output.out(`${word}\t${about.replace(/[\t\r\n]+/g, " ")}`);
      output.out(`:${offer.elsewhere}`);
      return EXIT.done;
    }
    const script = SCRIPTS[shell];
    if (script === undefined)
      throw new VmAgentError({
        code: "usage",
        message: `there is no completion for "${shell}"`,
        next: `allowed: ${Object.keys(SCRIPTS).join(", ")}`,
        exit: EXIT.usage,
      });
    output.out(script.trimEnd());
    return EXIT.done;
  };
