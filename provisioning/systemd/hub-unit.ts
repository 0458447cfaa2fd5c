/** The systemd unit that keeps the hub running, as text: one for a user's own manager, one for the system's. */
import { type HubService, MARK, serviceArguments, serviceEnv } from "../service.ts";

/** Not the runtime's name, which is used in instances. */
export const HUB_UNIT = "vm-agent-hub.service";

/**
 * KillMode=process: in the sandbox the instances are processes of this service, and stopping it leaves agents as they are.
 * TimeoutStopSec: running steps are let end; what takes longer is safe to kill and goes on at the next start.
 * RestartPreventExitStatus: 64 is a wrong option or variable, which no second start mends.
 * EnvironmentFile: for variables that secrets are read from, as this file can be read by everybody; it need not exist.
 */
export function hubUnit(service: HubService): string {
  const { user, home, folder } = service;
  return `# ${MARK}
[Unit]
Description=vm-agent hub
${user === undefined ? "" : BOOT}StartLimitIntervalSec=0

[Service]
Type=simple
${user === undefined ? "" : `User=${escaped(user)}\n`}WorkingDirectory=${escaped(folder)}
ExecStart=${command(serviceArguments(service))}
${serviceEnv(service)
  .map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`)
  .join("\n")}
EnvironmentFile=-${escaped(home)}/service.env
Restart=always
RestartSec=5
RestartPreventExitStatus=64
KillMode=process
TimeoutStopSec=120
LimitNOFILE=65536

[Install]
WantedBy=${user === undefined ? "default.target" : "multi-user.target"}
`;
}

/** A user's own manager has none of these; up waits for a Multipass that does not answer yet. */
const BOOT =
  "Wants=network-online.target\nAfter=network-online.target snap.multipass.multipassd.service multipassd.service\n";

/** A percent sign begins a specifier of systemd's. */
const escaped = (text: string): string => text.replaceAll("%", "%%");

const quoted = (text: string): string => `"${escaped(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** A dollar sign begins a variable in arguments, and stands for itself in the program's path. */
const command = ([file = "", ...args]: readonly string[]): string =>
  [quoted(file), ...args.map((text) => quoted(text).replaceAll("$", "$$$$"))].join(" ");
