/** What the runtime's unit runs: a script that finds a Node that is recent enough, or says in a file that there is none. */

/** The least version of Node that the runtime runs on: Debian 12's and Ubuntu 24.04's own. */
export const LEAST_NODE = 18;

export const START_PATH = "/usr/local/lib/vm-agent/start";

/** One line for whoever looks inside; gone as soon as a Node was found. */
export const NO_NODE_PATH = "/var/lib/vm-agent/no-node";

/** Ends with this where there is no Node (EX_UNAVAILABLE). */
export const NO_NODE_EXIT = 69;

/** What the distribution's package would be, where it is too old to be installed; one line. */
export const APT_NODE_PATH = "/var/lib/vm-agent/apt-node";

/**
 * For any POSIX shell. With `find` it only prints where the Node is, or on standard error why there is none; with `install` it
 * installs the distribution's package before, over whatever network the guest has, where there is none and that one is recent
 * enough: an old one would be in the way of what the author brings. Never a script from the internet. Versions are asked
 * by `--version`, which starts no engine: the unit tries again every other second, also on a slow guest. The reason is printed
 * once and not at every try. Works in a tree that is not at `/`, as the sandbox has it.
 */
export function startScript(): string {
  return `#!/bin/sh
# Starts the vm-agent runtime with the first Node that is recent enough. "find": only prints where that is. "install": installs one before.
r="\${VM_AGENT_GUEST_ROOT:-}"
reason="$r${NO_NODE_PATH}"
offer="$r${APT_NODE_PATH}"
node= old= seen=' '

look() {
  # The launcher of a snap would move the runtime out of its service.
  case "$1" in */snap/bin/node) [ ! -x "$r/snap/node/current/bin/node" ] || set -- "$r/snap/node/current/bin/node" ;; esac
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

look_all() {
  old= seen=' '
  for at in "$(command -v node)" "$(command -v nodejs)" "$r/usr/local/bin/node" "$r/usr/bin/node" "$r/usr/bin/nodejs" "$r/snap/bin/node"; do
    look "$at" && break
  done
}

offered() {
  LC_ALL=C apt-cache policy nodejs 2> /dev/null < /dev/null | sed -n 's/^ *Candidate: *//p'
}

# What updates itself after a first boot may hold the lists; apt waits for its other locks, but not for that one. Five minutes.
update() {
  tries=60
  until said=$(LC_ALL=C apt-get update -q 2>&1 < /dev/null); do
    printf '%s\\n' "$said"
    tries=$((tries - 1))
    case "$said" in *'Could not get lock'*) [ "$tries" -gt 0 ] || return 1 ;; *) return 1 ;; esac
    sleep 5
  done
  printf '%s\\n' "$said"
}

get() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q nodejs < /dev/null
}

install_node() {
  candidate=$(offered)
  case "$candidate" in '' | '(none)') update; candidate=$(offered) ;; esac
  major=\${candidate#*:}
  major=\${major%%[!0-9]*}
  if [ -n "$major" ] && [ "$major" -lt ${LEAST_NODE} ]; then
    mkdir -p -m 0700 "$r/var/lib/vm-agent" && printf '%s\\n' "$candidate" > "$offer"
    return
  fi
  rm -f "$offer"
  get || { update && get; }
}

look_all
if [ -z "$node" ] && [ "\${1:-}" = install ]; then
  install_node >&2
  look_all
fi

if [ -z "$node" ]; then
  text="no Node ${LEAST_NODE} or newer in the guest: \${old:+only $old}"
  [ -n "$old" ] || text="\${text}there is none"
  [ ! -s "$offer" ] || text="$text; apt has only $(cat "$offer"), which was not installed"
  case "\${1:-}" in
    find | install) printf '%s\\n' "$text" >&2 ;;
    *)
      if [ "$(cat "$reason" 2> /dev/null)" != "$text" ]; then
        printf '%s\\n' "$text" >&2
        mkdir -p -m 0700 "$r/var/lib/vm-agent"
        printf '%s\\n' "$text" > "$reason.new" && mv -f "$reason.new" "$reason"
      fi ;;
  esac
  exit ${NO_NODE_EXIT}
fi

case "\${1:-}" in
  find | install)
    printf '%s\\n' "$node"
    exit 0 ;;
esac
rm -f "$reason"
exec "$node" "$r/usr/local/lib/vm-agent/runtime.mjs" --config "$r/etc/vm-agent/runtime.json"
`;
}
