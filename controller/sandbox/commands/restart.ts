// `restart`: a running instance goes down and comes up again.
import type { Command } from "../frontend/command.ts";
import { Refusal, usage } from "../failure.ts";
import { switchOff, switchOn } from "../guest/power.ts";
import { powerState } from "../instances/instance.ts";
import { operative } from "../instances/instances.ts";
import { readTimeout } from "../instances/launch-request.ts";
import { primaryName } from "../settings.ts";
import { withSpinner } from "../frontend/spinner.ts";
import { awaitStarts } from "../wait.ts";
import { bootOrder } from "./launch.ts";

export const restart: Command = {
  options: [
    { long: "all", help: "Restart all instances" },
    {
      long: "timeout",
      value: "timeout",
      help: "Maximum time, in seconds, to wait for the command to complete.",
    },
  ],
  synopsis: "[<name> ...]",
  summary: "Restart instances",
  async run(call, args) {
    const all = args.has("all");
    if (all && args.positional.length > 0) throw usage("Cannot specify name when --all option set");
    const timeout = readTimeout(args);
    const names = args.positional.length > 0 || all ? args.positional : [primaryName()];
    const title = names.length === 1 ? names[0] : "requested instances";
    return withSpinner(`Restarting ${title}`, async (spinner) => {
      const booting = await call.request(async () => {
        const instances = operative(names, all);
        for (const instance of instances) {
          const state = powerState(instance);
          if (state !== "Running" && state !== "Delayed Shutdown") {
            throw new Refusal(
              `Instance '${instance.name}' is already running, but in an unknown state.\nTry to stop and start it instead.`,
            );
          }
        }
        const order = bootOrder("restart", timeout, call);
        const down = await Promise.all(instances.map((instance) => switchOff(instance)));
        return down.map((instance) => switchOn(instance, order));
      });
      const code = await awaitStarts(booting, timeout);
      if (code === 0) spinner.stop();
      return code;
    });
  },
};
