/** The shell lines of the first boot; constant but for what is quoted into them. */

/** The `$'…'` form is not in POSIX sh; a quote inside ends the quoting, is escaped, and begins it again. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Where failed commands of `provision.run` are written; the runtime reports the lines with its health. */
export const PROVISION_ERRORS_PATH = "/var/lib/vm-agent/provision-errors";

/** Before anything is written there. */
export const STATE_FOLDER = "mkdir -p -m 0700 /var/lib/vm-agent";

/** The least version of Node that the runtime runs on: Ubuntu 24.04's own. */
export const LEAST_NODE = 18;

/**
 * The image's own Node if it is recent enough, else the distribution's package. Never a script from the internet:
 * an image that has neither must bring its Node along (`provision.run` or `cloudInit`).
 */
export const ENSURE_NODE: string = [
  `node -e 'process.exit(parseInt(process.versions.node) >= ${LEAST_NODE} ? 0 : 1)' 2>/dev/null`,
  "DEBIAN_FRONTEND=noninteractive apt-get install -y -q nodejs",
  "{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q nodejs; }",
  `echo 'Node ${LEAST_NODE} or newer could not be installed' >> ${PROVISION_ERRORS_PATH}`,
].join(" || ");

/**
 * One line of the document in a shell of its own: an `exit`, a `cd` or a failure in it changes nothing for those after
 * it, and the failure is remembered.
 */
export function runLine(line: string, index: number): string {
  return `sh -c ${quote(line)} || echo "provision.run[${index}] exited with $?" >> ${PROVISION_ERRORS_PATH}`;
}
