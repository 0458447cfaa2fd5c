/** `vm-agent completion SHELL`: a script that completes; it asks `vm-agent completion words` for what may come next. */
import type { Settings } from "../base/env.ts";
import { EXIT, VmAgentError } from "../base/errors.ts";
import { type Known, candidates } from "./completion-words.ts";
import { COMMANDS } from "./commands.ts";
import type { CommandRun } from "./run.ts";

const BASH = `# bash completion of vm-agent: source <(vm-agent completion bash), or save it below
# \${XDG_DATA_HOME:-~/.local/share}/bash-completion/completions/vm-agent
_vm_agent() {
  local IFS=$'\\n'
  COMPREPLY=($(vm-agent completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _vm_agent vm-agent
`;

const ZSH = `#compdef vm-agent
# zsh completion of vm-agent: source <(vm-agent completion zsh), or save it as _vm-agent in a folder of $fpath
_vm_agent() {
  local -a found
  found=("\${(@f)$(vm-agent completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=("\${(@)found%%$'\\t'*}")
  if [[ -n "\${found[1]}" ]]; then compadd -- "\${found[@]}"; else _files; fi
}
compdef _vm_agent vm-agent
`;

const FISH = `# fish completion of vm-agent: save it as ~/.config/fish/completions/vm-agent.fish
function __vm_agent_words
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  vm-agent completion words -- $before[2..-1] "$current" 2>/dev/null
end
complete -c vm-agent -a '(__vm_agent_words)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export const completion: CommandRun = async ({ settings, output, args }) => {
  const [shell = "", ...rest] = args;
  if (shell === "words") {
    const words = rest[0] === "--" ? rest.slice(1) : rest;
    const found = await candidates(COMMANDS, words, () => known(settings));
    for (const { word, about } of found) output.out(about === "" ? word : `${word}\t${about}`);
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

/** What the fleet files say; nothing where they are broken, since a person who types wants no error then. */
async function known(settings: Settings): Promise<Known> {
  const { loadFleet } = await import("../reconcile/fleet-source.ts");
  const read = await loadFleet(settings.fleet).catch(() => null);
  if (!read?.ok) return { agents: [], snapshots: [] };
  const { agents, snapshots } = read.desired;
  return {
    agents: [...new Set(agents.flatMap((a) => [a.document, a.name]))].sort(),
    snapshots: snapshots.map(({ agent, name }) => ({
      agent: agents.find((a) => a.name === agent)?.document ?? agent,
      name,
    })),
  };
}
