// `delete` and `purge`: instances become deleted, or are gone; snapshots are only ever gone.
import { mkdirSync, renameSync } from "node:fs";
import type { Arguments, Command } from "../frontend/command.ts";
import type { Call } from "../call.ts";
import { collected, Refusal, unhandled, usage } from "../failure.ts";
import { pullPlug, switchOff } from "../guest/power.ts";
import { type Instance, powerState, update } from "../instances/instance.ts";
import { allInstances, findInstance, missing } from "../instances/instances.ts";
import { badFormat, isMalformed, splitName } from "../instances/names.ts";
import { inState, instanceDir, snapshotDir } from "../paths.ts";
import { askYesNo } from "../frontend/prompt.ts";
import { removeTree } from "../instances/remove-tree.ts";

export const remove: Command = {
  options: [
    { long: "all", help: "Delete all instances and snapshots" },
    { long: "purge", short: "p", help: "Permanently delete specified instances and snapshots immediately" },
  ],
  synopsis: "<instance>[.snapshot] [<instance>[.snapshot] ...]",
  summary: "Delete instances and snapshots",
  async run(call, args) {
    const all = args.has("all");
    if (all && args.positional.length > 0) throw usage("Cannot specify name when --all option set");
    if (!all && args.positional.length === 0) throw usage("Name argument or --all is required");
    const malformed = args.positional.find(isMalformed);
    if (malformed !== undefined) throw usage(badFormat(malformed));
    await confirmSnapshots(call, args);
    await call.request(async () => {
      const names = all ? allInstances().map(({ name }) => name) : args.positional;
      await removeAll(names, args.has("purge"));
    });
    return 0;
  },
};

/** Snapshots cannot be recovered, so without --purge a person is asked. */
async function confirmSnapshots(call: Call, args: Arguments): Promise<void> {
  if (args.has("purge") || !args.positional.some((name) => name.includes("."))) return;
  await call.request(() => checkAll(args.positional, false));
  const warning = "Snapshots can only be purged (after deletion, they cannot be recovered)";
  const answer = await askYesNo(`${warning}. Are you sure you want to continue? (Yes/no): `);
  if (answer === undefined) {
    throw unhandled(
      `${warning}. Unable to query client for confirmation. Please use the \`--purge\` flag if that is what you want.\n`,
    );
  }
  if (!answer) throw new Refusal("Cancelled.");
}

interface Target {
  readonly instance: Instance;
  readonly snapshot: string | undefined;
}

/** Everything that was named, if all of it can be deleted; else nothing is. */
function checkAll(names: readonly string[], purge: boolean): readonly Target[] {
  const complaints: string[] = [];
  const targets: Target[] = [];
  for (const text of new Set(names)) {
    const { instance: name, snapshot } = splitName(text);
    const instance = findInstance(name);
    if (!instance) complaints.push(missing(name));
    else if (snapshot !== undefined && instance.deleted) {
      complaints.push(`Cannot delete snapshots of deleted instances: ${text}`);
    } else if (snapshot !== undefined && !instance.snapshots.some((it) => it.name === snapshot)) {
      throw new Refusal(`No such snapshot: ${text}`);
    } else targets.push({ instance, snapshot });
  }
  if (complaints.length > 0) throw collected(...complaints);
  for (const { instance, snapshot } of targets) {
    const state = powerState(instance);
    if (
      !purge &&
      snapshot === undefined &&
      !instance.deleted &&
      (state === "Starting" || state === "Restarting")
    ) {
      throw new Refusal(
        `Cannot shut down instance ${instance.name} while starting.\nUse --purge to forcefully delete it.`,
      );
    }
  }
  return targets;
}

async function removeAll(names: readonly string[], purge: boolean): Promise<void> {
  for (const { instance, snapshot } of checkAll(names, purge)) {
    if (snapshot !== undefined) removeSnapshot(instance.name, snapshot);
    else if (purge) obliterate(instance);
    else if (!instance.deleted) await softDelete(instance);
  }
}

async function softDelete(instance: Instance): Promise<void> {
  const state = powerState(instance);
  const off = state === "Stopped" || state === "Suspended" ? instance : await switchOff(instance);
  update(off, { deleted: true });
}

/** Moved aside first: a client killed on the way leaves rubbish, never half an instance. */
function obliterate(instance: Instance): void {
  pullPlug(instance);
  const rubbish = inState("rubbish", `${instance.name}-${process.pid}-${Date.now()}`);
  removeTree(inState("rubbish"));
  mkdirSync(inState("rubbish"), { recursive: true });
  renameSync(instanceDir(instance.name), rubbish);
  removeTree(inState("rubbish"));
}

/** Children of a deleted snapshot become children of its parent. */
function removeSnapshot(name: string, snapshot: string): void {
  const instance = findInstance(name);
  const gone = instance?.snapshots.find((it) => it.name === snapshot);
  if (!instance || !gone) throw new Refusal(`No such snapshot: ${name}.${snapshot}`);
  const rest = instance.snapshots
    .filter((it) => it !== gone)
    .map((it) => (it.parent === snapshot ? { ...it, parent: gone.parent } : it));
  update(instance, { snapshots: rest, head: instance.head === snapshot ? gone.parent : instance.head });
  removeTree(snapshotDir(name, snapshot));
}

/** Everybody's deleted instances. */
export const purge: Command = {
  options: [],
  summary: "Purge all deleted instances permanently",
  async run(call, args) {
    if (args.positional.length > 0) throw usage("This command takes no arguments");
    await call.request(() => {
      for (const instance of allInstances()) if (instance.deleted) obliterate(instance);
    });
    return 0;
  },
};
