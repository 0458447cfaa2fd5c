/** Asks an instance, from inside, why its runtime is silent: a script for a root shell's standard input that changes nothing; pure. */
import { PROVISION_ERRORS_PATH, quote } from "./cloud-init/shell.ts";
import { NO_NODE_PATH } from "./systemd/start-script.ts";
import { UNIT_NAME } from "./systemd/unit.ts";

export interface HubAddress {
  readonly host: string;
  readonly port: number;
}

/** What `systemctl show` is asked for. */
const PROPERTIES = "LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts";

/** Each part of the answer is a line of its name and base64, so that no log line can pass for another part. */
export const DIAGNOSIS_PARTS = ["unit", "node", "cloud-init", "provision", "log", "hub", "end"] as const;
export type DiagnosisPart = (typeof DIAGNOSIS_PARTS)[number];

/** `gateway`: the port at which the guest's default gateway is a hub, too; null: it is none. */
export function diagnosisScript(hub: readonly HubAddress[], gateway: number | null): string {
  const tries = hub.map(({ host, port }) => `reach ${quote(host)} ${quote(String(port))}`);
  if (gateway !== null)
    tries.push(
      "gw=$(ip -4 route show default 2> /dev/null | sed -n 's/.* via \\([0-9.]*\\).*/\\1/p' | head -n 1)",
      `if [ -n "$gw" ]; then reach "$gw" ${gateway}; else echo "_gateway ${gateway} it has no default gateway"; fi`,
    );
  return `
r="\${VM_AGENT_GUEST_ROOT:-}"
export LC_ALL=C
say() { printf '%s ' "$1"; head -c 24000 | base64 | tr -d '\\n'; echo; }
reach() {
  command -v bash > /dev/null || { echo "$1 $2 it has no bash to try with"; return; }
  said=$(timeout 5 bash -c 'exec 3<> "/dev/tcp/$0/$1"' "$1" "$2" 2>&1 < /dev/null)
  case $? in
    0) echo "$1 $2 reached" ;;
    124) echo "$1 $2 no answer in 5 s" ;;
    *) echo "$1 $2 $(printf '%s\\n' "$said" | head -n 1 | sed 's/.*: //')" ;;
  esac
}
hub() {
  ${tries.length > 0 ? tries.join("\n  ") : ":"}
}
cloud_init() {
  # Its exit code is that of the boot (1: it failed, 2: it is degraded); an older one does not know the format.
  said=$(timeout 15 cloud-init status --format json 2> /dev/null < /dev/null)
  case "$said" in *'{'*) ;; *) said=$(timeout 15 cloud-init status --long 2> /dev/null < /dev/null) ;; esac
  printf '%s\\n' "$said"
}
silence() {
  timeout 10 systemctl show ${UNIT_NAME} --property=${PROPERTIES} 2> /dev/null < /dev/null | say unit
  { cat "$r${NO_NODE_PATH}" 2> /dev/null || :; } | say node
  cloud_init | say cloud-init
  { tail -n 5 "$r${PROVISION_ERRORS_PATH}" 2> /dev/null || :; } | say provision
  { timeout 10 journalctl --unit ${UNIT_NAME} --lines 12 --output cat --no-pager 2> /dev/null < /dev/null || :; } | say log
  hub | say hub
  : | say end
}
silence
`;
}
