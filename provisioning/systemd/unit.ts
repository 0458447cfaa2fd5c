/** The systemd unit of the runtime, as text. */
import { START_PATH } from "./start-script.ts";

export const UNIT_NAME = "vm-agent.service";
export const UNIT_PATH: string = `/etc/systemd/system/${UNIT_NAME}`;
export const BUNDLE_PATH = "/usr/local/lib/vm-agent/runtime.mjs";
export const SETTINGS_PATH = "/etc/vm-agent/runtime.json";

/**
 * Whatever hardening is set here is inherited by every task, also by `sudo` and `deploy` ones that install packages or
 * load modules. So the unit sets only what no build or deploy needs, and the runtime takes rights away task by task
 * (setpriv: user, no capabilities, no new privileges). Refused: NoNewPrivileges (setuid and setpriv in tasks with
 * sudo), ProtectSystem and ProtectHome (apt, files under /home, the runtime's own upgrade), PrivateTmp (files that people put into /tmp by
 * `multipass transfer`), RestrictSUIDSGID (dpkg), ProtectKernelModules (docker), MemoryMax (it would count the tasks).
 *
 * KillMode=mixed: on a stop the runtime alone gets SIGTERM and ends its tasks in order; whatever is left in the control
 * group then gets SIGKILL, so that a restarted runtime begins clean. TimeoutStopSec covers its 5 s + 10 s per group.
 */
export function runtimeUnit(): string {
  return `[Unit]
Description=vm-agent runtime
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart=/bin/sh ${START_PATH}
Restart=always
RestartSec=2
KillMode=mixed
TimeoutStopSec=20
OOMPolicy=continue
OOMScoreAdjust=-500
UMask=0022
LimitNOFILE=65536
KeyringMode=private
RestrictRealtime=yes

[Install]
WantedBy=multi-user.target
`;
}
