/** What puts the runtime in place in an instance that runs already, as a script for a root shell's standard input; pure. */
import { quote } from "./cloud-init/shell.ts";
import { START_PATH, startScript } from "./systemd/start-script.ts";
import { BUNDLE_PATH, runtimeUnit, SETTINGS_PATH, UNIT_NAME, UNIT_PATH } from "./systemd/unit.ts";

/** `-s`: the script, with the token in it, comes by standard input, because argv is everybody's. */
export const INSTALL_ARGV: readonly string[] = ["sudo", "-n", "sh", "-s"];

/** Exit codes of our own: this is not the instance that was meant, and there is no Node to run it with. */
export const INSTALL_ELSEWHERE = 76;
export const INSTALL_NO_NODE = 77;

export interface InstallInput {
  readonly name: string;
  /** The bundle, gzipped, in base64. */
  readonly bundle: string;
  /** The content of the runtime's settings, with a join token. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** True: what lies there is another instance's, whose credential and journal must not speak for this one. */
  readonly foreignState: boolean;
}

/**
 * Safe to repeat, and to be cut off anywhere: each file is written beside its place and then moved there, the settings after
 * what they are for, and nothing runs before all of the script has arrived. Works in a tree that is not at `/`, as the
 * sandbox has it.
 */
export function installScript({ name, bundle, settings, foreignState }: InstallInput): string {
  const put = (path: string, mode: string, content: string) => [
    `put "$r${path}" ${mode} <<'END' || return 1`,
    ...(content.match(/.{1,76}/g) ?? []),
    "END",
  ];
  const packed = (text: string) => Buffer.from(text, "utf8").toString("base64");
  return [
    PUT,
    ...NEED_NODE,
    "install() {",
    "umask 077",
    `r="\${VM_AGENT_GUEST_ROOT:-}"`,
    `[ "$(cat "$r/var/lib/cloud/data/instance-id" 2>/dev/null)" = ${quote(name)} ] || { echo ${quote(`this is not ${name}`)} >&2; return ${INSTALL_ELSEWHERE}; }`,
    `need_node >&2 || return ${INSTALL_NO_NODE}`,
    'mkdir -p "$r/var/lib/vm-agent" && chmod 0700 "$r/var/lib/vm-agent" || return 1',
    '(umask 022 && mkdir -p "$r/usr/local/lib/vm-agent" "$r/etc/vm-agent" "$r/etc/systemd/system") || return 1',
    ...(foreignState ? FORGET : []),
    ...put(`${BUNDLE_PATH}.gz`, "0600", bundle),
    `gunzip -c "$r${BUNDLE_PATH}.gz" > "$r${BUNDLE_PATH}.new" && chmod 0644 "$r${BUNDLE_PATH}.new" || return 1`,
    `mv -f "$r${BUNDLE_PATH}.new" "$r${BUNDLE_PATH}" && rm -f "$r${BUNDLE_PATH}.gz" || return 1`,
    ...put(START_PATH, "0755", packed(startScript())),
    ...put(UNIT_PATH, "0644", packed(runtimeUnit())),
    ...put(SETTINGS_PATH, "0600", packed(`${JSON.stringify(settings)}\n`)),
    // The files are on disk before anything is said to be done.
    `sync "$r${BUNDLE_PATH}" "$r${START_PATH}" "$r${UNIT_PATH}" "$r${SETTINGS_PATH}" || return 1`,
    "systemctl daemon-reload < /dev/null || return 1",
    `systemctl enable ${UNIT_NAME} < /dev/null || return 1`,
    `systemctl restart ${UNIT_NAME} < /dev/null`,
    "}",
    // A script whose end did not arrive never comes to this line.
    "install",
    "",
  ].join("\n");
}

const PUT = `put() {
  t=$(mktemp "$1.XXXXXX") || return 1
  base64 -d > "$t" && chmod "$2" "$t" && mv -f "$t" "$1" && return 0
  rm -f "$t"
  return 1
}`;

/** Before anything is put into the guest; its last words on standard error are why there is none. */
const NEED_NODE: readonly string[] = [
  "need_node() {",
  "sh -s install <<'END'",
  startScript().trimEnd(),
  "END",
  "}",
];

/** A runtime that is going would write its own back. */
const FORGET: readonly string[] = [
  `systemctl stop ${UNIT_NAME} < /dev/null`,
  'rm -rf "$r/var/lib/vm-agent/credential" "$r/var/lib/vm-agent/config.json" "$r/var/lib/vm-agent/journal" "$r/var/lib/vm-agent/spool" || return 1',
];
