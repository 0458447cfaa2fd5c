// `networks`: the host's network interfaces.
import { existsSync, readdirSync } from "node:fs";
import { type Command, FORMAT } from "../../frontend/command.ts";
import { usage } from "../../failure.ts";
import { formatOf } from "../../frontend/format.ts";
import { print, qtJson, tableRow } from "../../frontend/output.ts";

export const networks: Command = {
  options: [FORMAT],
  summary: "List available network interfaces",
  async run(call, args) {
    if (args.positional.length > 0) throw usage("This command takes no arguments");
    const format = formatOf(args);
    const rows = await call.request(interfaces);
    if (format === "json") print(qtJson({ list: rows }));
    else {
      const widths = [12, 12, 0];
      const lines = rows.map((it) => tableRow([it.name, it.type, it.description], widths));
      print(`${tableRow(["Name", "Type", "Description"], widths)}${lines.join("")}`);
    }
    return 0;
  },
};

interface Interface {
  readonly name: string;
  readonly type: "ethernet" | "bridge";
  readonly description: string;
}

/** What Linux says of them; elsewhere none. */
export function interfaces(): readonly Interface[] {
  const folder = "/sys/class/net";
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name): readonly Interface[] => {
      if (existsSync(`${folder}/${name}/bridge`))
        return [{ name, type: "bridge", description: "Network bridge" }];
      if (existsSync(`${folder}/${name}/device`))
        return [{ name, type: "ethernet", description: "Ethernet device" }];
      return [];
    });
}
