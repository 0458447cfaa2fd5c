/** The user of a task: the unprivileged user where we can switch to it, with the rights from the fleet's file. */
import { existsSync, readFileSync } from "node:fs";

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** The line of that name in the text of `/etc/passwd`. */
export function findAccount(passwd: string, name: string): Account | null {
  for (const line of passwd.split("\n")) {
    const [user, , uid, gid, , home, shell] = line.split(":");
    if (user !== name || !/^\d+$/.test(uid ?? "") || !/^\d+$/.test(gid ?? "")) continue;
    return { name, uid: Number(uid), gid: Number(gid), home: home || "/", shell: shell || "/bin/sh" };
  }
  return null;
}

/** Whether the id exists in this user namespace, from the text of `/proc/self/uid_map` (inside, outside, length). */
export function isMapped(map: string, id: number): boolean {
  const ranges = map.trim().split("\n");
  return ranges.some((range) => {
    const [inside, , length] = range.trim().split(/\s+/).map(Number);
    return inside !== undefined && length !== undefined && id >= inside && id < inside + length;
  });
}

/** How to start a program as that identity. */
export interface Identity {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
  /** Put before the program and its arguments. */
  readonly prefix: readonly string[];
  /** Where there is no setpriv. Node then drops all supplementary groups. */
  readonly ids?: { readonly uid: number; readonly gid: number };
  /** Why it is not the user that was asked for. */
  readonly remark?: string;
}

/** What `identity` must know of the machine; an argument so that every case can be tested. */
export interface Surroundings {
  /** Effective user id of the runtime, or null where there is none. */
  readonly uid: number | null;
  readonly passwd: string;
  readonly uidMap: string;
  readonly setpriv: boolean;
  /** No isolation: never another user than the runtime's own. */
  readonly sandboxed: boolean;
  readonly self: { readonly name: string; readonly home: string };
}

/**
 * `setpriv` and not `su` or `runuser`: it becomes the program itself (no process between, no PAM session, signals and
 * exit codes untouched) and, unlike Node's uid option, keeps the user's supplementary groups (docker, lxd).
 * Without the fleet's leave `no_new_privs` is set as well, because Multipass's `ubuntu` may sudo without a password.
 */
export function identity(
  user: string,
  rights: { readonly sudo: boolean; readonly mayUseSudo: boolean },
  around: Surroundings,
): Identity {
  const self = { name: around.self.name, home: around.self.home, shell: "/bin/sh", prefix: [] };
  if (around.sandboxed) return { ...self, home: `/home/${user}` };
  if (around.uid !== 0) return self;
  if (rights.sudo) return { name: "root", home: "/root", shell: "/bin/bash", prefix: [] };
  const account = findAccount(around.passwd, user);
  if (account === null)
    return { ...self, remark: `user ${user} does not exist here; tasks run as ${self.name}` };
  if (!isMapped(around.uidMap, account.uid)) {
    return {
      ...self,
      home: account.home,
      remark: `user ${user} is not mapped here; tasks run as ${self.name}`,
    };
  }
  const { name, home, shell, uid, gid } = account;
  if (!around.setpriv) return { name, home, shell, prefix: [], ids: { uid, gid } };
  const prefix = ["/usr/bin/setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--inh-caps=-all"];
  return { name, home, shell, prefix: [...prefix, ...(rights.mayUseSudo ? [] : ["--no-new-privs"]), "--"] };
}

/** Whose files tasks write, where that is another than the runtime; null: the runtime's own. */
export function accountFor(
  user: string,
  around: Surroundings,
): { readonly uid: number; readonly gid: number } | null {
  if (around.sandboxed || around.uid !== 0) return null;
  const account = findAccount(around.passwd, user);
  return account !== null && isMapped(around.uidMap, account.uid) ? account : null;
}

export function readSurroundings(sandboxed: boolean): Surroundings {
  const read = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  const uid = process.geteuid?.() ?? null;
  const name = uid === 0 ? "root" : (process.env.USER ?? "user");
  return {
    uid,
    passwd: read("/etc/passwd"),
    uidMap: read("/proc/self/uid_map") || "0 0 4294967295",
    setpriv: existsSync("/usr/bin/setpriv"),
    sandboxed,
    self: { name, home: process.env.HOME ?? (uid === 0 ? "/root" : "/") },
  };
}
