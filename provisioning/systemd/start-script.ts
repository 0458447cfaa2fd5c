/** What the runtime's unit runs: a script that finds a Node that is recent enough, or says in a file that there is none. */

/** The least version of Node that the runtime runs on: Debian 12's and Ubuntu 24.04's own. */
export const LEAST_NODE = 18;

export const START_PATH = "/usr/local/lib/vm-agent/start";

/** One line for whoever looks inside; gone as soon as a Node was found. */
export const NO_NODE_PATH = "/var/lib/vm-agent/no-node";

/** Ends with this where there is no Node (EX_UNAVAILABLE). */
export const NO_NODE_EXIT = 69;

/**
 * For any POSIX shell. With `find` it only prints where the Node is, or on standard error why there is none. Versions are asked
 * by `--version`, which starts no engine: the unit tries again every other second, also on a slow guest. The reason is printed
 * once and not at every try. Works in a tree that is not at `/`, as the sandbox has it.
 */
export function startScript(): string {
  return `#!/bin/sh
# Starts the vm-agent runtime with the first Node that is recent enough. "find": only prints where that is.
r="\${VM_AGENT_GUEST_ROOT:-}"
reason="$r${NO_NODE_PATH}"
node= old= seen=' '

look() {
  case "$seen" in *" $1 "*) return 1 ;; esac
  seen="$seen$1 "
  [ -f "$1" ] && [ -x "$1" ] || return 1
  version=$("$1" --version 2> /dev/null < /dev/null) || return 1
  major=\${version#v}
  major=\${major%%.*}
  case "$major" in '' | *[!0-9]*) return 1 ;; esac
  [ "$major" -ge ${LEAST_NODE} ] && node=$1 && return 0
  old="\${old:+$old, }$version at $1"
  return 1
}

for at in "$(command -v node)" "$(command -v nodejs)" "$r/usr/local/bin/node" "$r/usr/bin/node" "$r/usr/bin/nodejs" "$r/snap/bin/node"; do
  look "$at" && break
done

if [ -z "$node" ]; then
  text="no Node ${LEAST_NODE} or newer in the guest: \${old:+only $old}"
  [ -n "$old" ] || text="\${text}there is none"
  if [ "\${1:-}" = find ]; then
    printf '%s\\n' "$text" >&2
  elif [ "$(cat "$reason" 2> /dev/null)" != "$text" ]; then
    printf '%s\\n' "$text" >&2
    mkdir -p -m 0700 "$r/var/lib/vm-agent"
    printf '%s\\n' "$text" > "$reason.new" && mv -f "$reason.new" "$reason"
  fi
  exit ${NO_NODE_EXIT}
fi

if [ "\${1:-}" = find ]; then
  printf '%s\\n' "$node"
  exit 0
fi
rm -f "$reason"
exec "$node" "$r/usr/local/lib/vm-agent/runtime.mjs" --config "$r/etc/vm-agent/runtime.json"
`;
}
