// `stop`: a normal shutdown, a delayed one, or the plug.
import type { Command } from "../frontend/command.ts";
import { Refusal, usage } from "../failure.ts";
import { pullPlug, switchOff } from "../guest/power.ts";
import { type Instance, powerState, update } from "../instances/instance.ts";
import { operative } from "../instances/instances.ts";
import { signal } from "../processes.ts";
import { primaryName } from "../settings.ts";
import { withSpinner } from "../frontend/spinner.ts";

export const stop: Command = {
  options: [
    { long: "all", help: "Stop all instances" },
    {
      long: "time",
      short: "t",
      value: "time",
      help: "Time from now, in minutes, to delay shutdown of the instance",
    },
    { long: "cancel", short: "c", help: "Cancel a pending delayed shutdown" },
    {
      long: "force",
      help: "Force the instance to shut down immediately. Warning: This could potentially corrupt a running instance, so use with caution.",
    },
  ],
  synopsis: "[<name> ...]",
  summary: "Stop running instances",
  async run(call, args) {
    const all = args.has("all");
    if (all && args.positional.length > 0) throw usage("Cannot specify name when --all option set");
    if (args.has("time") && args.has("cancel"))
      throw usage("Cannot set 'time' and 'cancel' options at the same time");
    if (args.has("force") && (args.has("time") || args.has("cancel"))) {
      throw usage("Cannot set 'force' along with 'time' or 'cancel' options at the same time");
    }
    const minutes = readMinutes(args.value("time"));
    const names = args.positional.length > 0 || all ? args.positional : [primaryName()];
    const how = args.has("force") ? "force" : args.has("cancel") ? "cancel" : minutes;
    const title = names.length === 1 ? names[0] : "requested instances";
    await withSpinner(`Stopping ${title}`, () =>
      call.request(async () => {
        for (const instance of operative(names, all)) await stopOne(instance, how);
      }),
    );
    return 0;
  },
};

function readMinutes(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\+?\d+$/.test(text)) throw usage("Time must be in digit form");
  return Number(text.replace("+", ""));
}

async function stopOne(instance: Instance, how: "force" | "cancel" | number): Promise<void> {
  const state = powerState(instance);
  if (how === "cancel") {
    if (instance.shutdownAt !== null) delay(instance, null);
  } else if (how === "force") {
    if (state !== "Stopped" || instance.boot) pullPlug(instance);
  } else if (state === "Suspended") {
    throw new Refusal(`Cannot shut down suspended instance ${instance.name}.\nUse --force to power it off.`);
  } else if (state === "Starting" || state === "Restarting") {
    throw new Refusal(
      `Cannot shut down instance ${instance.name} while starting.\nUse --force to power it off.`,
    );
  } else if (state !== "Stopped") {
    if (how > 0) delay(instance, Date.now() + how * 60_000);
    else await switchOff(instance);
  } else if (instance.boot) {
    pullPlug(instance);
  }
}

/** The guest's init does the waiting; it is signalled to read its record again. */
function delay(instance: Instance, at: number | null): void {
  const next = update(instance, { shutdownAt: at });
  if (next.boot && powerState(next) !== "Stopped") signal(next.boot.process.pid, "SIGUSR2");
}
