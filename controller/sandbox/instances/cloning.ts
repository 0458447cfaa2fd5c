// A clone: the same files under another name, with its own address and no snapshots.
import { mkdirSync } from "node:fs";
import { copyTree } from "./copy-tree.ts";
import { Refusal } from "../failure.ts";
import { readUserData, userDataFile } from "../guest/cloud-init.ts";
import { writeJson } from "../files.ts";
import { requireOff, readInstance, saveInstance, update } from "./instance.ts";
import { freeAddress } from "./addresses.ts";
import { isValidName } from "./names.ts";
import { guestRoot, instanceDir } from "../paths.ts";
import { removeTree } from "./remove-tree.ts";
import { single } from "./snapshots.ts";

/** Gives the clone's name. Its instance-id changes at its first boot, when cloud-init finds itself under another name. */
export function cloneInstance(name: string, wanted: string | undefined): string {
  const instance = single(name);
  const count = instance.clonesMade + 1;
  const target = wanted || `${name}-clone${count}`;
  if (!isValidName(target)) throw new Refusal(`Invalid destination instance name: ${target}`);
  if (readInstance(target)) throw new Refusal(`instance "${target}" already exists`);
  requireOff(instance, "Multipass can only clone stopped instances.");
  removeTree(instanceDir(target));
  mkdirSync(instanceDir(target), { recursive: true });
  copyTree(guestRoot(name), guestRoot(target));
  writeJson(userDataFile(target), readUserData(name));
  saveInstance({
    ...instance,
    name: target,
    address: freeAddress(),
    boot: null,
    power: "off",
    created: new Date().toISOString(),
    snapshots: [],
    snapshotsTaken: 0,
    clonesMade: 0,
    head: "",
  });
  update(instance, { clonesMade: count });
  return target;
}
