// `alias`, `aliases`, `unalias`, `prefer`: the sandbox keeps no aliases; it says so where one would be made.
import { type Command, FORMAT } from "../frontend/command.ts";
import { DaemonDown, Exit } from "../failure.ts";
import { formatOf } from "../frontend/format.ts";
import { print, qtJson } from "../frontend/output.ts";

const none = (summary: string): Command => ({
  options: [],
  summary,
  names: () => [],
  async run(call) {
    await call
      .request(() => {})
      .catch((error: unknown) => {
        if (error instanceof DaemonDown) throw new Exit(1, "Error retrieving list of instances\n");
        throw error;
      });
    throw new Exit(1, "The sandbox keeps no aliases\n");
  },
});

export const alias = none("Create an alias");
export const unalias = none("Remove aliases");
export const prefer = none("Switch the current alias context");

export const aliases: Command = {
  options: [FORMAT],
  summary: "List available aliases",
  async run(_call, args) {
    const format = formatOf(args);
    if (format === "json") print(qtJson({ "active-context": "default", contexts: { default: {} } }));
    else print("No aliases defined.\n");
    return 0;
  },
};
