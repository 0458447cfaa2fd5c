// `version`: the one command that always succeeds, and where the sandbox says what it is.
import { type Command, FORMAT } from "../../frontend/command.ts";
import type { Call } from "../../call.ts";
import { DaemonDown } from "../../failure.ts";
import { formatOf } from "../../frontend/format.ts";
import { print, qtJson } from "../../frontend/output.ts";

export const VERSION = "1.16.3";

export const version: Command = {
  options: [FORMAT],
  summary: "Show version details",
  async run(call, args) {
    const format = formatOf(args);
    const daemon = await daemonVersion(call);
    const value = { multipass: VERSION, ...(daemon ? { multipassd: daemon } : {}), sandbox: true };
    if (format === "json") print(qtJson(value));
    else if (format === "yaml")
      print(
        Object.entries(value)
          .map(([key, item]) => `${key}: ${item}\n`)
          .join(""),
      );
    else if (format === "csv") print(`Multipass,Multipassd,Sandbox\n${VERSION},${daemon},true\n`);
    else
      print(
        `multipass   ${VERSION}\n${daemon ? `multipassd  ${daemon}\n` : ""}sandbox     not a virtual machine\n`,
      );
    return 0;
  },
};

async function daemonVersion(call: Call): Promise<string> {
  try {
    return await call.request(() => VERSION);
  } catch (error) {
    if (error instanceof DaemonDown) return "";
    throw error;
  }
}
