// `info`: everything about instances or snapshots.
import { type Arguments, type Command, FORMAT } from "../../frontend/command.ts";
import { collected, usage } from "../../failure.ts";
import { formatOf } from "../../frontend/format.ts";
import { type Instance, type Snapshot, stateOf } from "../../instances/instance.ts";
import { allInstances, findInstance, missing } from "../../instances/instances.ts";
import { humanSize } from "../../frontend/memory-size.ts";
import { badFormat, isMalformed, splitName } from "../../instances/names.ts";
import { print, qtJson, write } from "../../frontend/output.ts";
import type { RuntimeFacts } from "../../instances/runtime-facts.ts";
import { childrenOf, type Detail, localTime } from "./info-detail.ts";
import { addresses } from "./list.ts";

const DEPRECATED =
  "Warning: the `--all` flag for the `info` command is deprecated. Please use `info` with no positional arguments for the same effect.\n";

export const info: Command = {
  options: [
    { long: "all", hidden: true },
    { long: "no-runtime-information", hidden: true },
    { long: "snapshots", help: "Display detailed information about the snapshots of instances" },
    FORMAT,
  ],
  synopsis: "<instance>[.snapshot] [<instance>[.snapshot] ...]",
  summary: "Display information about instances or snapshots",
  async run(call, args) {
    if (args.has("all") && args.positional.length > 0)
      throw usage("Cannot specify name when --all option set");
    const malformed = args.positional.find(isMalformed);
    if (malformed !== undefined) throw usage(badFormat(malformed));
    const format = formatOf(args);
    if (args.has("all")) write(2, DEPRECATED);
    const details = await call.request(() => collect(args));
    if (call.fault?.fault === "lost-address")
      for (const it of details) if (it.ipv4.length > 0) it.ipv4 = ["N/A"];
    if (format === "json")
      print(qtJson({ errors: [], info: Object.fromEntries(details.map((it) => [it.name, toJson(it)])) }));
    else {
      const { infoTable } = await import("./info-table.ts");
      print(infoTable(details));
    }
    return 0;
  },
};

async function collect(args: Arguments): Promise<readonly Detail[]> {
  const wanted = select(args);
  const withRuntime = !args.has("no-runtime-information");
  const { reach } = await import("../../instances/reach.ts");
  if (withRuntime) await reach(wanted.filter(({ whole }) => whole).map(({ instance }) => instance));
  const details: Detail[] = [];
  for (const { instance, whole, snapshots } of wanted) {
    const state = stateOf(instance);
    const answers = withRuntime && whole && (state === "Running" || state === "Delayed Shutdown");
    let facts: RuntimeFacts | undefined;
    if (answers) {
      const { runtimeFacts } = await import("../../instances/runtime-facts.ts");
      facts = runtimeFacts(instance);
    }
    const ipv4 = answers ? addresses(instance, state) : [];
    details.push({ name: instance.name, instance, state, ipv4, facts, whole, snapshots });
  }
  return details;
}

type Wanted = Pick<Detail, "instance" | "whole" | "snapshots">;

function select(args: Arguments): readonly Wanted[] {
  const allSnapshots = args.has("snapshots");
  if (args.positional.length === 0) {
    const instances = allInstances().map((instance) => ({
      instance,
      whole: !allSnapshots,
      snapshots: allSnapshots ? instance.snapshots : undefined,
    }));
    return allSnapshots ? instances.filter(({ instance }) => instance.snapshots.length > 0) : instances;
  }
  const complaints: string[] = [];
  const wanted = new Map<
    string,
    { instance: Instance; whole: boolean; snapshots: readonly Snapshot[] | undefined }
  >();
  for (const text of args.positional) {
    const { instance: name, snapshot } = splitName(text);
    const instance = findInstance(name);
    if (!instance) {
      complaints.push(missing(name));
      continue;
    }
    const entry = wanted.get(name) ?? { instance, whole: false, snapshots: undefined };
    wanted.set(name, entry);
    if (snapshot === undefined && !allSnapshots) entry.whole = true;
    else {
      const chosen = instance.snapshots.filter((it) => snapshot === undefined || it.name === snapshot);
      if (snapshot !== undefined && chosen.length === 0) complaints.push(`No such snapshot: ${text}`);
      entry.snapshots = [...(entry.snapshots ?? []), ...chosen];
    }
  }
  if (complaints.length > 0) throw collected(...complaints);
  return [...wanted.values()];
}

function toJson({ instance, state, ipv4, facts, whole, snapshots }: Detail): unknown {
  const asked = snapshots && {
    snapshots: Object.fromEntries(snapshots.map((it) => [it.name, snapshotJson(it, instance)])),
  };
  if (!whole) return asked;
  const mounts = Object.entries(instance.mounts).map(([target, it]) => [
    target,
    { gid_mappings: it.gids, source_path: it.source, uid_mappings: it.uids },
  ]);
  return {
    cpu_count: facts ? String(facts.cpus) : "",
    disks: { sda1: facts ? { total: String(facts.diskTotal), used: String(facts.diskUsed) } : {} },
    image_hash: instance.image.hash,
    image_release: instance.image.title,
    ipv4,
    load: facts?.load ?? [],
    memory: facts ? { total: facts.memoryTotal, used: facts.memoryUsed } : {},
    mounts: Object.fromEntries(mounts),
    release: facts?.release ?? "",
    snapshot_count: String(instance.snapshots.length),
    state,
    ...asked,
  };
}

function snapshotJson(snapshot: Snapshot, instance: Instance): unknown {
  return {
    children: childrenOf(snapshot, instance),
    comment: snapshot.comment,
    cpu_count: String(snapshot.cpus),
    created: localTime(snapshot.created),
    disk_space: humanSize(snapshot.disk),
    memory_size: humanSize(snapshot.memory),
    mounts: Object.fromEntries(
      Object.entries(snapshot.mounts).map(([target, { source }]) => [target, { source_path: source }]),
    ),
    parent: snapshot.parent,
    size: "",
  };
}
