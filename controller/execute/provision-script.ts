/** The provision block as a script for a rerun in an existing instance, in the order of the first boot. Pure. */
import { CLOUD_INIT_ERRORS_PATH, PROVISION_ERRORS_PATH, quote } from "../../provisioning/cloud-init/shell.ts";
import type { DesiredAgent } from "../core/types.ts";

/**
 * Reads the script from standard input, because files may hold what no list of processes should show; its commands get
 * no input.
 */
export const RERUN_ARGV: readonly string[] = [
  "sudo",
  "-n",
  "sh",
  "-c",
  'f=$(mktemp) || exit 1; trap \'rm -f "$f"\' EXIT; cat > "$f" && sh "$f" < /dev/null',
];

/** Our own exit codes: another run is in progress, and this is not the intended instance. */
export const RERUN_BUSY = 75;
export const RERUN_ELSEWHERE = 76;

/** How long a run that was begun before is waited for. */
const BUSY_SECONDS = 240;

/**
 * As safe to repeat as the author's own lines. Stops at the first failure, names it, and exits with 1. Refuses to run
 * in any other instance: cloud-init's record holds the name.
 */
export function provisionScript({
  name,
  provision,
  tasks,
}: Pick<DesiredAgent, "name" | "provision" | "tasks">): string {
  const { packages, files, run } = provision;
  return [
    "exec 2>&1",
    `[ "$(cat /var/lib/cloud/data/instance-id 2>/dev/null)" = ${quote(name)} ] || { echo ${quote(`this is not ${name}`)}; exit ${RERUN_ELSEWHERE}; }`,
    "cd /",
    "umask 022",
    "mkdir -p -m 0700 /var/lib/vm-agent || exit 1",
    ...LOCK,
    `rm -f ${PROVISION_ERRORS_PATH}`,
    FAIL,
    ...(files.length > 0 ? [PUT, PUT_AS_USER] : []),
    ...(packages.length > 0 ? [install(packages)] : []),
    ...files.flatMap((file) => put(file, tasks.user)),
    ...run.map((line, i) => `sh -c ${quote(line)} || fail ${quote(`provision.run[${i}]`)} $?`),
    // Everything has run now: cloud-init's failure at the first boot no longer counts.
    `[ ! -e ${CLOUD_INIT_ERRORS_PATH} ] || echo '{}' > ${CLOUD_INIT_ERRORS_PATH}`,
    "exit 0",
    "",
  ].join("\n");
}

/** A run whose connection broke may still be going on; two at once would interfere. */
const LOCK: readonly string[] = [
  "exec 9> /var/lib/vm-agent/provision.lock",
  `! command -v flock > /dev/null || flock -w ${BUSY_SECONDS} 9 || { echo "the run before this one is not over"; exit ${RERUN_BUSY}; }`,
];

const FAIL = `fail() {
  echo "$1 exited with $2" | tee -a ${PROVISION_ERRORS_PATH}
  exit 1
}`;

/** Written beside the target and renamed, so that a partial file is never read. */
const PUT = `put() {
  mkdir -p "$(dirname "$1")" && t=$(mktemp "$1.XXXXXX") || return 1
  base64 -d > "$t" && chmod "$2" "$t" && mv -fT "$t" "$1" && return 0
  rm -f "$t"
  return 1
}`;

/** Below a user's home, as that user: folders and file are theirs, and none of their links is followed as root. */
const PUT_AS_USER = `put_as() {
  sudo -n -u "$3" sh -c 'umask 022; mkdir -p "$(dirname "$1")" && t=$(mktemp "$1.XXXXXX") || exit 1
    base64 -d > "$t" && chmod "$2" "$t" && mv -fT "$t" "$1" && exit 0
    rm -f "$t"; exit 1' sh "$1" "$2"
}`;

function install(packages: readonly string[]): string {
  const words = packages.map(quote).join(" ");
  return `{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q -- ${words}; } || fail provision.packages $?`;
}

/** Below the task user's home the file is the user's, as at the first boot. */
function put(file: DesiredAgent["provision"]["files"][number], user: string): readonly string[] {
  const isUsers = file.path.startsWith(`/home/${user}/`);
  const mode = (file.mode ?? "0644").padStart(4, "0");
  const words = [file.path, mode, ...(isUsers ? [user] : [])].map(quote).join(" ");
  const content = Buffer.from(file.content, "utf8").toString("base64");
  const lines = content.match(/.{1,76}/g) ?? [];
  return [
    `${isUsers ? "put_as" : "put"} ${words} <<'END' || fail ${quote(`provision.files ${file.path}`)} $?`,
    ...lines,
    "END",
  ];
}

/** The last lines of a failed run's output. */
export function outputTail(text: string, lines = 12, columns = 300): string {
  return text
    .trimEnd()
    .split("\n")
    .slice(-lines)
    .map((line) => (line.length > columns ? `${line.slice(0, columns)}…` : line))
    .join("\n");
}
