// `suspend`: freezes what runs; anything else stays as it is, without a word.
import type { Command } from "../frontend/command.ts";
import { usage } from "../failure.ts";
import { suspend as freeze } from "../guest/power.ts";
import { powerState } from "../instances/instance.ts";
import { operative } from "../instances/instances.ts";
import { primaryName } from "../settings.ts";
import { withSpinner } from "../frontend/spinner.ts";

export const suspend: Command = {
  options: [{ long: "all", help: "Suspend all instances" }],
  synopsis: "[<name> ...]",
  summary: "Suspend running instances",
  async run(call, args) {
    const all = args.has("all");
    if (all && args.positional.length > 0) throw usage("Cannot specify name when --all option set");
    const names = args.positional.length > 0 || all ? args.positional : [primaryName()];
    await withSpinner(`Suspending ${names.length === 1 ? names[0] : "requested instances"}`, () =>
      call.request(() => {
        for (const instance of operative(names, all)) {
          const state = powerState(instance);
          if (state === "Running" || state === "Delayed Shutdown") freeze(instance);
        }
      }),
    );
    return 0;
  },
};
