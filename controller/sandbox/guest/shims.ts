// Programs that a guest has in /opt/sandbox/bin, first on its PATH, in place of what needs a real init system or real privileges.

/** Asks the sandbox's init by a file in /run/sandbox/requests and waits for the answer beside it. */
const SYSTEMCTL = `#!/bin/sh
# systemctl of the sandbox: hands its arguments to the instance's init and prints what that answers.
box="\${VM_AGENT_GUEST_ROOT:-}/run/sandbox/requests"
ask=$(mktemp "$box/ask.XXXXXX") || { echo "System has not been booted with systemd as init system" >&2; exit 1; }
for argument in "$@"; do printf '%s\\n' "$argument" >> "$ask"; done
mv "$ask" "$ask.ready"
tries=0
while [ ! -e "$ask.answer" ]; do
  tries=$((tries + 1))
  [ $tries -gt 1500 ] && { echo "Failed to connect to bus: no answer" >&2; exit 1; }
  sleep 0.02
done
{ read -r code; cat; } < "$ask.answer" > "$ask.text"
read -r code < "$ask.answer"
if [ "$code" -eq 0 ] || [ "$code" -eq 3 ]; then cat "$ask.text"; else cat "$ask.text" >&2; fi
rm -f "$ask.answer" "$ask.text"
exit "$code"
`;

/** There is one user behind all names, so becoming another is doing it. */
const SUDO = `#!/bin/sh
# sudo of the sandbox: drops its options and runs the command.
while [ $# -gt 0 ]; do
  case "$1" in
    --) shift; break ;;
    -u|-g|-h|-p|-C|-T|-D|-R) shift 2 ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
  esac
done
[ $# -eq 0 ] && exec /bin/sh
exec "$@"
`;

/** There is one account behind all names: every file is its own already. */
const CHOWN = `#!/bin/sh
# chown of the sandbox: changes nothing.
`;

const CLOUD_INIT = `#!/bin/sh
# cloud-init of the sandbox: only status.
state="\${VM_AGENT_GUEST_ROOT:-}/run/sandbox/cloud-init.json"
[ "$1" = status ] || { echo "the sandbox only has: cloud-init status" >&2; exit 2; }
status() { sed -n 's/^ *"status": "\\([a-z]*\\)".*/\\1/p' "$state" 2>/dev/null; }
case " $* " in *" --wait "*) echo; while [ "$(status)" = running ] || [ -z "$(status)" ]; do sleep 0.05; done ;; esac
case " $* " in
  *" json "*|*"=json "*) cat "$state" ;;
  *) echo "status: $(status)" ;;
esac
case "$(status)" in error) exit 1 ;; esac
! grep -q '"extended_status": "degraded' "$state" 2>/dev/null || exit 2
`;

/** Packages are never installed: there is no system of the guest's own to install them into. */
const APT_GET = `#!/bin/sh
# apt-get of the sandbox: says what it does not do.
echo "sandbox: packages are never installed, skipped: apt-get $*"
`;

/** The service's output is a plain file here. */
const JOURNALCTL = `#!/bin/sh
# journalctl of the sandbox: the newest lines of one unit's log file.
lines=10 follow= unit=
while [ $# -gt 0 ]; do
  case "$1" in
    -u|--unit) unit=$2; shift ;;
    -n|--lines) lines=$2; shift ;;
    -o|--output) shift ;;
    -f|--follow) follow=-F ;;
  esac
  shift
done
[ -n "$unit" ] || { echo "the sandbox only has: journalctl --unit UNIT" >&2; exit 1; }
exec tail -n "$lines" $follow "\${VM_AGENT_GUEST_ROOT:-}/var/log/\${unit%.service}.log"
`;

export const SHIMS = {
  systemctl: SYSTEMCTL,
  journalctl: JOURNALCTL,
  sudo: SUDO,
  chown: CHOWN,
  "cloud-init": CLOUD_INIT,
  "apt-get": APT_GET,
  "apt-cache": "#!/bin/sh\n# apt-cache of the sandbox: knows of no package.\n",
} as const;
