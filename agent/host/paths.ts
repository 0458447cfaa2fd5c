/** Where things lie in the guest; `VM_AGENT_GUEST_ROOT` goes before every path in a sandbox without isolation. */
import { isAbsolute, join, normalize, sep } from "node:path";

/** Empty in a real guest. */
export const GUEST_ROOT: string = (process.env.VM_AGENT_GUEST_ROOT ?? "").replace(/\/+$/, "");

/** The path below the guest's root; a path that already is there stays. `..` cannot climb out of the root. */
export function guest(path: string, root: string = GUEST_ROOT): string {
  const clean = normalize(path);
  if (root === "" || clean === root || clean.startsWith(root + sep)) return clean;
  return join(root, isAbsolute(clean) ? clean : normalize(sep + clean));
}

export const STATE_DIR = "/var/lib/vm-agent";
export const CREDENTIAL_FILE: string = `${STATE_DIR}/credential`;
export const PUSHED_CONFIG_FILE: string = `${STATE_DIR}/config.json`;
/** Where the hub last said that it is. */
export const ADDRESSES_FILE: string = `${STATE_DIR}/hub.json`;
export const JOURNAL_DIR: string = `${STATE_DIR}/journal`;
export const SPOOL_DIR: string = `${STATE_DIR}/spool`;
/** Messages of the programs in this instance: `inbox/` and `outbox/`. */
export const MAIL_DIR = "/var/spool/vm-agent";
export const UPGRADE_FILE: string = `${STATE_DIR}/upgrade.json`;
export const LOG_DIR: string = `${STATE_DIR}/log`;
export const LOCK_FILE: string = `${STATE_DIR}/lock`;
/** Lines that cloud-init leaves when a command of the document's `provision.run` failed. */
export const PROVISION_ERRORS_FILE: string = `${STATE_DIR}/provision-errors`;
/** cloud-init's errors of the boot that ran the document's part, with the instance-id; provision-script.ts clears it. */
export const CLOUD_INIT_ERRORS_FILE: string = `${STATE_DIR}/cloud-init-errors.json`;
export const SETTINGS_FILE = "/etc/vm-agent/runtime.json";
export const INSTANCE_ID_FILE = "/var/lib/cloud/data/instance-id";
