// `set`: changes one setting; a daemon setting restarts the daemon.
import { createHash } from "node:crypto";
import type { Command } from "../frontend/command.ts";
import { goDown } from "../daemon.ts";
import { duration } from "../frontend/durations.ts";
import { Exit, Refusal, usage } from "../failure.ts";
import { setInstanceSetting } from "../instances/instance-settings.ts";
import { isValidName } from "../instances/names.ts";
import { print } from "../frontend/output.ts";
import { isSetting, type SettingKey, saveSetting } from "../settings.ts";
import { Spinner } from "../frontend/spinner.ts";

export const set: Command = {
  options: [],
  synopsis: "<key>[=<value>]",
  summary: "Set a configuration setting",
  async run(call, args) {
    const text = args.positional[0];
    if (text === undefined || args.positional.length > 1) {
      throw usage("Need exactly one key-value pair (in <key>=<value> form).");
    }
    const parts = text.split("=");
    if (parts.length > 2 || parts[0] === "") throw usage("Bad key-value format.");
    const [key = "", value] = parts;
    if (value === undefined) {
      print(`${key}: `);
      throw new Exit(1, "Failed to read value\n");
    }
    if (!key.startsWith("local.")) return setClient(key, value);
    const spinner = new Spinner();
    try {
      await call.request(() => (isSetting(key) ? setDaemon(key, value) : setInstanceSetting(key, value)));
    } finally {
      spinner.stop();
    }
    return 0;
  },
};

function setClient(key: string, value: string): number {
  if (!isSetting(key)) throw new Exit(1, `Unrecognized settings key: '${key}'\n`);
  if (value !== "" && !isValidName(value)) {
    throw new Exit(1, `Invalid setting '${key}=${value}': Invalid hostname\n`);
  }
  saveSetting(key, value);
  return 0;
}

function setDaemon(key: SettingKey, value: string): void {
  saveSetting(key, accept(key, value));
  goDown(duration("daemonRestart"));
}

function accept(key: SettingKey, value: string): string {
  const invalid = (why: string): Refusal => new Refusal(`Invalid setting '${key}=${value}': ${why}`);
  switch (key) {
    case "local.driver":
      if (!["qemu", "lxd", "libvirt"].includes(value)) throw invalid("Invalid driver");
      return value;
    case "local.privileged-mounts": {
      const flag = value.toLowerCase();
      if (["true", "on", "1", "yes"].includes(flag)) return "true";
      if (["false", "off", "0", "no"].includes(flag)) return "false";
      throw invalid('Invalid flag, try "true" or "false"');
    }
    case "local.image.mirror":
      if (value !== "" && !value.startsWith("https://")) throw invalid("Only https protocol is supported");
      return value;
    case "local.passphrase":
      return value === "" ? "" : createHash("sha256").update(value).digest("hex");
    default:
      return value;
  }
}
