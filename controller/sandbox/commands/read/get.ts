// `get`: one setting, or the names of all.
import type { Command } from "../../frontend/command.ts";
import { DaemonDown, Exit, logLine, usage } from "../../failure.ts";
import { getInstanceSetting, instanceKeys } from "../../instances/instance-settings.ts";
import { print, write } from "../../frontend/output.ts";
import { isSetting, SETTINGS, setting } from "../../settings.ts";

export const get: Command = {
  options: [
    {
      long: "raw",
      help: "Output in raw format. For now, this affects only the representation of empty values",
    },
    {
      long: "keys",
      help: "List available settings keys. This outputs the whole list of currently available settings keys, or just <arg>, if provided and a valid key.",
    },
  ],
  synopsis: "[<arg>]",
  summary: "Get a configuration setting",
  async run(call, args) {
    if (args.positional.length > 1) throw usage("Need at most one setting key.");
    const key = args.positional[0];
    if (args.has("keys") && key === undefined) {
      const ofInstances = await call.request(instanceKeys).catch((error: unknown) => {
        if (!(error instanceof DaemonDown)) throw error;
        write(2, `${logLine("remote settings", "Could not reach daemon.")}\n`);
        return undefined;
      });
      const own = Object.keys(SETTINGS).filter((it) => ofInstances || it.startsWith("client."));
      print(`${[...own, ...(ofInstances ?? [])].sort().join("\n")}\n`);
      return 0;
    }
    if (key === undefined) throw usage("Need exactly one setting key.");
    if (!key.startsWith("local.") && !isSetting(key))
      throw new Exit(1, `Unrecognized settings key: '${key}'\n`);
    const value = key.startsWith("client.") ? readValue(key) : await call.request(() => readValue(key));
    print(args.has("keys") ? `${key}\n` : `${value === "" && !args.has("raw") ? "<empty>" : value}\n`);
    return 0;
  },
};

function readValue(key: string): string {
  if (!isSetting(key)) return getInstanceSetting(key);
  return key === "local.passphrase" ? String(setting(key) !== "") : setting(key);
}
