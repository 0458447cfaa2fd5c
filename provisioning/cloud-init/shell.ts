/** The shell lines of the first boot; constant but for what is quoted into them. */
import { START_PATH } from "../systemd/start-script.ts";
import { UNIT_NAME } from "../systemd/unit.ts";

/** The `$'…'` form is not in POSIX sh; a quote inside ends the quoting, is escaped, and begins it again. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Where failed commands of `provision.run` are written; the runtime reports the lines with its health. */
export const PROVISION_ERRORS_PATH = "/var/lib/vm-agent/provision-errors";
/** What the runtime remembers of cloud-init's errors (agent/host/paths.ts). */
export const CLOUD_INIT_ERRORS_PATH = "/var/lib/vm-agent/cloud-init-errors.json";

/** Before anything is written there. */
export const STATE_FOLDER = "mkdir -p -m 0700 /var/lib/vm-agent";

/**
 * The image's own Node if it is recent enough, else the distribution's package if that is. Before the document's `run`, which may
 * need it, and which may bring one where neither is. Whether there is one in the end is said by the start script.
 */
export const ENSURE_NODE = `sh ${START_PATH} install > /dev/null || true`;

export const START_RUNTIME: readonly string[] = [
  "systemctl daemon-reload",
  `systemctl enable --now ${UNIT_NAME}`,
];

/** The author's own `runcmd`, as one script. */
export const AUTHOR_SCRIPT_PATH = "/usr/local/lib/vm-agent/cloud-init-runcmd";

/**
 * In a shell of its own, so that an `exit`, a `set -e` or a syntax error in it ends nothing of ours. Its exit code becomes
 * that of all of runcmd, so that cloud-init reports the failure too.
 */
export const RUN_AUTHOR_SCRIPT = `sh ${AUTHOR_SCRIPT_PATH}; author=$?; [ $author -eq 0 ] || echo "runcmd of provision.cloudInit exited with $author" >> ${PROVISION_ERRORS_PATH}`;
export const EXIT_AS_AUTHOR = "exit $author";

/**
 * One line of the document in a shell of its own: an `exit`, a `cd` or a failure in it changes nothing for those after
 * it, and the failure is remembered.
 */
export function runLine(line: string, index: number): string {
  return `sh -c ${quote(line)} || echo "provision.run[${index}] exited with $?" >> ${PROVISION_ERRORS_PATH}`;
}

/**
 * cloud-init makes missing folders as root. Those above a file in the user's home become the user's; a folder that has
 * another owner is left alone.
 */
export function ownFolders(folders: readonly string[], user: string): readonly string[] {
  if (folders.length === 0) return [];
  return [`chown -h --from=0:0 ${user}:${user} ${folders.map(quote).join(" ")}`];
}
