/** The property list by which launchd keeps the hub running, as text. */
import { type HubService, MARK, serviceArguments, serviceEnv } from "../service.ts";

export const HUB_LABEL = "com.openclaw.vm-hub";
export const HUB_PLIST: string = `${HUB_LABEL}.plist`;

/** launchd keeps no journal of what a program prints. */
export const hubLogs = (home: string): { readonly stdout: string; readonly stderr: string } => ({
  stdout: `${home}/logs/hub-stdout.log`,
  stderr: `${home}/logs/hub-stderr.log`,
});

/**
 * AbandonProcessGroup: in the sandbox the instances are processes of this service, and stopping it leaves agents as they are.
 * A user's own agent starts when that user logs in; with a user's name it is a daemon that starts with the machine.
 */
export function hubPlist(service: HubService): string {
  const logs = hubLogs(service.home);
  const strings = serviceArguments(service).map((text) => `    ${string(text)}`);
  const env = serviceEnv(service).map(
    ([name, value]) => `    <key>${escaped(name)}</key>\n    ${string(value)}`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${MARK} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  ${string(HUB_LABEL)}
  <key>ProgramArguments</key>
  <array>
${strings.join("\n")}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${env.join("\n")}
  </dict>
  <key>WorkingDirectory</key>
  ${string(service.folder)}
${service.user === undefined ? "" : `  <key>UserName</key>\n  ${string(service.user)}\n`}  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>ExitTimeOut</key>
  <integer>120</integer>
  <key>AbandonProcessGroup</key>
  <true/>
  <key>StandardOutPath</key>
  ${string(logs.stdout)}
  <key>StandardErrorPath</key>
  ${string(logs.stderr)}
</dict>
</plist>
`;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const string = (text: string): string => `<string>${escaped(text)}</string>`;
