// Adds and removes mounts; they are bound into what starts in the guest from then on.
import { existsSync, mkdirSync } from "node:fs";
import { posix } from "node:path";
import { collected, Refusal } from "../failure.ts";
import { inGuest } from "../guest/inside.ts";
import { type Instance, type Mount, powerState, update } from "./instance.ts";
import { findInstance } from "./instances.ts";
import { defaultTarget } from "./launch-request.ts";
import { guestRoot } from "../paths.ts";

export interface MountOptions {
  readonly uids?: readonly string[];
  readonly gids?: readonly string[];
  readonly kind?: Mount["kind"];
}

const FORBIDDEN = /^\/$|^\/(dev|proc|sys)(\/|$)|^\/home$|^\/home\/ubuntu$/;

/** Records a mount; gives the guest's path. */
export function addMount(
  name: string,
  source: string,
  target: string | undefined,
  options: MountOptions,
): string {
  const instance = operativeForMount(name);
  const path = absolute(target ?? defaultTarget(source));
  if (FORBIDDEN.test(path)) throw collected(`unable to mount to "${path}"`);
  if (instance.mounts[path]) throw collected(`"${path}" is already mounted in '${name}'`);
  const kind = options.kind ?? "classic";
  if (kind === "native" && powerState(instance) !== "Stopped") {
    throw new Refusal(`Please stop the instance ${name} before attempting native mounts.`);
  }
  const mount: Mount = {
    source,
    uids: options.uids?.length ? options.uids : [`${process.getuid?.() ?? 0}:default`],
    gids: options.gids?.length ? options.gids : [`${process.getgid?.() ?? 0}:default`],
    kind,
  };
  const mountPoint = inGuest(guestRoot(name), path);
  if (existsSync(guestRoot(name))) mkdirSync(mountPoint, { recursive: true });
  update(instance, { mounts: { ...instance.mounts, [path]: mount } });
  return path;
}

/** Removes one mount, or all of an instance where no path is given. */
export function removeMount(name: string, target: string | undefined): void {
  const instance = operativeForMount(name);
  if (target === undefined) {
    update(instance, { mounts: {} });
    return;
  }
  const path = absolute(target);
  if (!instance.mounts[path]) throw collected(`path "${path}" is not mounted in '${name}'`);
  const { [path]: _gone, ...rest } = instance.mounts;
  update(instance, { mounts: rest });
}

const absolute = (path: string): string => posix.resolve("/home/ubuntu", path);

function operativeForMount(name: string): Instance {
  const instance = findInstance(name);
  if (!instance) throw collected(`instance '${name}' does not exist`);
  if (instance.deleted) throw collected(`instance '${name}' is deleted`);
  return instance;
}
