/**
 * Completion scripts for bash, zsh and fish: each calls `vm-agent completion words` for lines of word, tab, remark, and
 * a directive at the end.
 */

/** bash 3.2 of macOS has no `compopt`, and splits words at `=` and `:`, which are joined again here. */
const BASH = `# bash completion of vm-agent: source <(vm-agent completion bash), or save it below
# \${XDG_DATA_HOME:-~/.local/share}/bash-completion/completions/vm-agent
_vm_agent() {
  local IFS=$'\\n' rest=\${COMP_LINE:0:COMP_POINT} words=() found word piece prefix= n=-1 i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${rest#"\${rest%%[![:space:]]*}"}
    ((i < COMP_CWORD)) && piece=\${COMP_WORDS[i]} || piece=$word
    if ((n >= 0)) && [[ $word == "$rest" && -n $piece ]]; then
      words[n]+=$piece
    else
      words[++n]=$piece
    fi
    rest=\${word#"$piece"}
  done
  word=\${words[n]}
  piece=\${COMP_WORDS[COMP_CWORD]}
  [[ $piece == [=:] ]] && piece=
  [[ $word == *"$piece" ]] && prefix=\${word%"$piece"} || piece=$word
  found=($(vm-agent completion words -- "\${words[@]:1}" 2>/dev/null | cut -f1))
  ((\${#found[@]})) || return 0
  case \${found[\${#found[@]}-1]} in
    :files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$piece")) ;;
    :folders) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$piece")) ;;
    *)
      unset "found[\${#found[@]}-1]"
      COMPREPLY=("\${found[@]#"$prefix"}")
      ;;
  esac
}
complete -F _vm_agent vm-agent
`;

/** A file of that name in $fpath is a function, which has to complete at its first call, too. */
const ZSH = `#compdef vm-agent
# zsh completion of vm-agent: source <(vm-agent completion zsh) after compinit, or save it as _vm-agent in a folder of $fpath
_vm-agent() {
  local -a lines found
  local line
  lines=("\${(@f)$(vm-agent completion words -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  case $lines[-1] in
    :files) _files; return ;;
    :folders) _files -/; return ;;
  esac
  for line in "\${(@)lines[1,-2]}"; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -t vm-agent vm-agent found
}
if [[ $funcstack[1] == _vm-agent ]]; then _vm-agent "$@"; else compdef _vm-agent vm-agent; fi
`;

const FISH = `# fish completion of vm-agent: save it as ~/.config/fish/completions/vm-agent.fish
function __vm_agent_words
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  set -l lines (vm-agent completion words -- $before[2..-1] "$current" 2>/dev/null)
  switch "$lines[-1]"
    case ':files'
      __fish_complete_path "$current"
    case ':folders'
      __fish_complete_directories "$current"
    case '*'
      test (count $lines) -gt 1; and printf '%s\\n' $lines[1..-2]
  end
end
complete -c vm-agent -f -a '(__vm_agent_words)'
`;

export const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
