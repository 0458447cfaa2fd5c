/**
 * What fleet files may use of the host. vm-agent's own state and variables: never. A fleet that follows a remote is
 * written by everyone who may push there, so it may use nothing else of the host but what the operator allowed outside
 * of the repository.
 */
import { realpathSync } from "node:fs";
import { isIP } from "node:net";
import { basename, dirname, join, sep } from "node:path";
import type { AgentDocument, FleetDocument, ProfileDocument } from "../../schemas/types.ts";
import type { Allowed } from "../base/env.ts";
import { hostOf, isAllowedHost, isPrivate } from "../base/private-address.ts";
import type { SecretRef } from "../core/types.ts";

export interface Trust {
  /** vm-agent's state folder; absent: unknown, and then not protected. */
  readonly home?: string;
  readonly allow: Allowed;
  /** The documents come from a followed remote. */
  readonly restricted: boolean;
}

export interface Refusal {
  /** JSON pointer in the document. */
  readonly pointer: string;
  /** The part of a sentence after the pointer. */
  readonly message: string;
  readonly next: string;
}

type Why = Omit<Refusal, "pointer">;

export interface TrustInput {
  readonly trust: Trust;
  /** The absolute path that a document names. */
  readonly absolute: (path: string) => string;
  /** Whether a file is read from the host; one of a followed commit is not. */
  readonly isOnHost: (absolute: string) => boolean;
}

export function refusalsOf(
  value: AgentDocument | ProfileDocument | FleetDocument,
  { trust, absolute, isOnHost }: TrustInput,
): readonly Refusal[] {
  const found: Refusal[] = [];
  const add = (pointer: string, why: Why | null) => void (why && found.push({ pointer, ...why }));
  if (value.kind === "Fleet") {
    for (const [i, { url }] of (value.notify ?? []).entries())
      add(`/notify/${i}/url`, refusedUrl(hostOf(url), trust));
    if (trust.restricted && value.driver === "sandbox")
      add("/driver", {
        message: "is sandbox, which runs processes of this machine, and this fleet follows a remote",
        next: "start vm-agent with --driver sandbox if that is meant",
      });
    return found;
  }
  for (const [i, { source }] of (value.mounts ?? []).entries())
    add(`/mounts/${i}/source`, refusedPath(absolute(source), trust, "folder"));
  for (const [name, ref] of Object.entries(value.secrets ?? {})) {
    const { fromFile, fromEnv } = ref;
    if (fromFile !== undefined)
      add(`/secrets/${name}/fromFile`, refusedSecret({ fromFile: absolute(fromFile) }, trust));
    else if (fromEnv !== undefined) add(`/secrets/${name}/fromEnv`, refusedSecret({ fromEnv }, trust));
  }
  const init = value.provision?.cloudInit;
  if (init !== undefined && isOnHost(absolute(init)))
    add("/provision/cloudInit", refusedPath(absolute(init), trust, "file"));
  add("/image", refusedImage(value.image, trust));
  return found;
}

/** Checked again when the secret is read: the target of a path may have changed. */
export function refusedSecret(ref: SecretRef, trust: Trust): Why | null {
  if ("fromFile" in ref) return refusedPath(ref.fromFile, trust, "file");
  const { fromEnv } = ref;
  if (/^VM_AGENT_/i.test(fromEnv))
    return { message: `is ${fromEnv}, a variable of vm-agent itself`, next: "name another variable" };
  if (!trust.restricted || trust.allow.env.includes(fromEnv)) return null;
  return notAllowed(`is ${fromEnv}`, "VM_AGENT_ALLOW_ENV", fromEnv);
}

function refusedImage(image: string | undefined, trust: Trust): Why | null {
  if (image?.startsWith("file://")) return refusedPath(image.slice("file://".length), trust, "file");
  if (!trust.restricted || !/^https?:/.test(image ?? "")) return null;
  const host = hostOf(image ?? "");
  // Multipass connects by itself, so the address of a name cannot be checked.
  return isAllowedHost(host, trust.allow.hosts)
    ? null
    : notAllowed(`is on ${host}`, "VM_AGENT_ALLOW_HOSTS", host);
}

/** A name is checked by the address that is connected to (notify/send.ts); an address is checked here as well. */
export function refusedUrl(host: string, { restricted, allow }: Trust): Why | null {
  if (!restricted || isAllowedHost(host, allow.hosts)) return null;
  const isOwn = isIP(host) === 0 ? /(?:^|\.)localhost$/.test(host) : isPrivate(host);
  if (!isOwn) return null;
  return notAllowed(`is on ${host}, this machine or a private network`, "VM_AGENT_ALLOW_HOSTS", host);
}

function refusedPath(path: string, { home, allow, restricted }: Trust, kind: "file" | "folder"): Why | null {
  const real = realOf(path);
  const own = home === undefined ? null : realOf(home);
  const shown = real === path ? path : `${path}, which leads to ${real}`;
  if (own !== null && isBelow(real, own))
    return { message: `is ${shown}, in the state folder of vm-agent`, next: "name another path" };
  if (own !== null && kind === "folder" && isBelow(own, real))
    return {
      message: `is ${shown}, which holds the state folder of vm-agent ${own}`,
      next: "name a folder that does not hold it, or move it with VM_AGENT_HOME",
    };
  // The environment of this process, among others.
  if (isBelow(real, "/proc"))
    return { message: `is ${shown}, which describes processes of this machine`, next: "name another path" };
  if (!restricted || allow.paths.some((allowed) => isBelow(real, realOf(allowed)))) return null;
  return notAllowed(`is ${shown}`, "VM_AGENT_ALLOW_PATHS", kind === "folder" ? real : dirname(real));
}

const notAllowed = (message: string, setting: string, value: string): Why => ({
  message: `${message}, and this fleet follows a remote: what it may use of this machine, its operator allows`,
  next: `${setting}=${value} allows it, where vm-agent runs`,
});

export const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);

/** Without symbolic links, in the spelling of the disk; for a missing path, as far as it exists. */
export function realOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realOf(parent), basename(path));
  }
}

/** A summary of the allowed resources, for people. */
export function allowedWords({ paths, env, hosts }: Allowed): string {
  const part = (setting: string, values: readonly string[]) =>
    values.length === 0 ? [] : [`${setting}=${values.join(setting.endsWith("PATHS") ? ":" : ",")}`];
  const parts = [
    ...part("VM_AGENT_ALLOW_PATHS", paths),
    ...part("VM_AGENT_ALLOW_ENV", env),
    ...part("VM_AGENT_ALLOW_HOSTS", hosts),
  ];
  return parts.length === 0
    ? "nothing of this machine is allowed"
    : `allowed of this machine: ${parts.join(" ")}`;
}
