// `list`: instances, or all their snapshots.
import { type Command, FORMAT } from "../../frontend/command.ts";
import type { CallFault } from "../../call.ts";
import { usage } from "../../failure.ts";
import { type Format, formatOf } from "../../frontend/format.ts";
import { type Instance, type State, stateOf } from "../../instances/instance.ts";
import { allInstances } from "../../instances/instances.ts";
import { print, qtJson, tableRow } from "../../frontend/output.ts";

interface Row {
  readonly ipv4: readonly string[];
  readonly name: string;
  readonly release: string;
  readonly state: State;
}

export const list: Command = {
  options: [
    { long: "snapshots", help: "List all available snapshots" },
    { long: "no-ipv4", help: "Do not query the instances for the IPv4's they are using" },
    FORMAT,
  ],
  summary: "List all available instances or snapshots",
  async run(call, args) {
    if (args.positional.length > 0) throw usage("This command takes no arguments");
    if (args.has("snapshots") && args.has("no-ipv4")) {
      throw usage("IP addresses are not applicable in conjunction with listing snapshots");
    }
    const format = formatOf(args);
    if (args.has("snapshots")) {
      const instances = await call.request(allInstances);
      const { snapshotList } = await import("./list-snapshots.ts");
      print(snapshotList(instances, format));
      return 0;
    }
    const rows = await call.request(async () => {
      const instances = allInstances();
      const withAddresses = !args.has("no-ipv4");
      if (withAddresses) {
        const { reach } = await import("../../instances/reach.ts");
        await reach(instances);
      }
      return instances.map((instance) => row(instance, withAddresses));
    });
    print(render(call.fault ? await faulty(rows, call.fault) : rows, format));
    return 0;
  },
};

function row(instance: Instance, withAddresses: boolean): Row {
  const state = stateOf(instance);
  return {
    ipv4: withAddresses ? addresses(instance, state) : [],
    name: instance.name,
    release: instance.image.title ? `Ubuntu ${instance.image.title}` : "Not Available",
    state,
  };
}

/** Only a running guest has addresses, and one without any known shows so. */
export function addresses(instance: Instance, state: State): readonly string[] {
  if (state !== "Running" && state !== "Delayed Shutdown") return [];
  return [instance.addressLost ? "N/A" : instance.address];
}

async function faulty(rows: readonly Row[], fault: CallFault): Promise<readonly Row[]> {
  const { like } = await import("../../faults.ts");
  return rows.map((it) => {
    if (!like(fault.name, it.name)) return it;
    if (fault.fault === "lost-address" && it.ipv4.length > 0) return { ...it, ipv4: ["N/A"] };
    return fault.fault === "unknown-state" ? { ...it, ipv4: [], state: "Unknown" as const } : it;
  });
}

const WIDTHS = [24, 18, 17, 0];

function render(rows: readonly Row[], format: Format): string {
  if (format === "json") return qtJson({ list: rows });
  const sorted = [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (format === "csv") {
    const lines = sorted.map(
      (it) => `${it.name},${it.state},${it.ipv4[0] ?? ""},${it.release},"${it.ipv4.join(",")}"\n`,
    );
    return `Name,State,IPv4,Release,AllIPv4\n${lines.join("")}`;
  }
  if (format === "yaml") {
    const blocks = sorted.map(({ name, state, ipv4, release }) => {
      const lines = ipv4.map((address) => `      - ${address}\n`).join("");
      return `${name}:\n  - state: ${state}\n    ipv4:\n${lines}    release: ${release}\n`;
    });
    return blocks.join("") || "\n";
  }
  if (sorted.length === 0) return "No instances found.\n";
  const lines = sorted.flatMap((it) => [
    tableRow([it.name, it.state, it.ipv4[0] ?? "--", it.release], WIDTHS),
    ...it.ipv4.slice(1).map((address) => tableRow(["", "", address, ""], WIDTHS)),
  ]);
  return `${tableRow(["Name", "State", "IPv4", "Image"], WIDTHS)}${lines.join("")}`;
}
