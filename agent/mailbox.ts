/**
 * Messages of the programs in this instance: whoever works here as the task user puts a file into `outbox/`, and finds
 * what other agents sent in `inbox/`. The runtime never trusts what lies there: it may be a link to its own credential.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  watch,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { errorCode, errorMessage, syncDir } from "./files.ts";
import type { Log } from "./log.ts";
import { isRecord } from "./wire.ts";

/** Messages that may lie in the inbox; the hub keeps further ones until there is room. */
export const INBOX_LIMIT = 1000;
/** Largest file that is taken from the outbox. */
export const MESSAGE_BYTES = 64 * 1024;
/** Entries looked at in one go; a folder with more is worked off piece by piece. */
const SCANNED = 2000;
/** Refused messages that are left to look at. */
const REFUSED_LIMIT = 100;
/** A file that is no JSON may still be being written. */
const WRITING_MS = 2000;
const AGAIN_MS = 1000;
/** Without an answer for so long a message is sent again. */
const ANSWER_MS = 30_000;
/** Reasons of the hub that pass by themselves. */
const PASSING = new Set(["rate-limited", "store-error"]);

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Outgoing {
  readonly id: string;
  readonly to: string;
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface MailboxDeps {
  readonly dir: string;
  readonly log: Log;
  /** False: not now. */
  readonly send: (message: Outgoing) => boolean;
}

export type Mailbox = ReturnType<typeof createMailbox>;

export function createMailbox({ dir, log, send }: MailboxDeps) {
  const inbox = join(dir, "inbox");
  const outbox = join(dir, "outbox");
  const received = new Set<string>();
  let owner: Owner | null = null;
  let underway: { readonly name: string; readonly id: string; readonly at: number } | null = null;
  let open = false;
  let serial = 0;
  let retrying = false;
  let watched = false;

  const later = () => {
    if (retrying) return;
    retrying = true;
    setTimeout(() => {
      retrying = false;
      scan();
    }, AGAIN_MS).unref();
  };

  const scan = (): void => {
    if (!open || underway !== null) return;
    for (const name of namesIn(outbox, ".json")) {
      const found = read(name);
      if (found === "later") {
        later();
        continue;
      }
      if (typeof found === "string") {
        refuse(name, found);
        continue;
      }
      if (!send(found)) return;
      underway = { name, id: found.id, at: Date.now() };
      return;
    }
  };

  /** A message, why it is none, or `later`. */
  const read = (name: string): Outgoing | string => {
    const path = join(outbox, name);
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      return errorCode(error) === "ENOENT" ? "later" : `it cannot be opened: ${errorCode(error)}`;
    }
    try {
      const about = fstatSync(fd);
      const folder = lstatSync(outbox);
      // Another's file may have been moved or linked here; only what the folder's owner wrote is the owner's to send.
      if (!about.isFile() || about.nlink !== 1 || about.uid !== folder.uid)
        return "it is not a plain file of the task user";
      if (about.size > MESSAGE_BYTES) return `it has more than ${MESSAGE_BYTES} bytes`;
      const bytes = Buffer.alloc(MESSAGE_BYTES + 1);
      const length = readSync(fd, bytes, 0, bytes.length, 0);
      const message = parse(bytes.toString("utf8", 0, length));
      if (typeof message === "string") {
        return message === NOT_JSON && Date.now() - about.mtimeMs < WRITING_MS ? "later" : message;
      }
      const mark = JSON.stringify([name, about.ino, about.mtimeMs, message]);
      return { ...message, id: createHash("sha256").update(mark).digest("hex").slice(0, 32) };
    } catch (error) {
      return `it cannot be read: ${errorMessage(error)}`;
    } finally {
      closeSync(fd);
    }
  };

  const refuse = (name: string, reason: string): void => {
    log.warn(`a message in the outbox was refused: ${reason.slice(0, 200)}`);
    try {
      rmSync(join(outbox, name), { force: true, recursive: true });
      put(outbox, `${name.slice(0, -5)}.refused`, `${JSON.stringify({ reason })}\n`);
      const old = namesIn(outbox, ".refused");
      for (const extra of old.slice(0, Math.max(0, old.length - REFUSED_LIMIT)))
        rmSync(join(outbox, extra), { force: true });
    } catch (error) {
      log.warn(`the outbox cannot be written: ${errorMessage(error)}`);
    }
  };

  /** Under its name all at once, as the task user's own file. */
  const put = (folder: string, name: string, text: string): void => {
    const temporary = join(folder, `.${name}.tmp`);
    rmSync(temporary, { force: true, recursive: true });
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      if (owner !== null) fchownSync(fd, owner.uid, owner.gid);
      fsyncSync(fd);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, join(folder, name));
    syncDir(folder);
  };

  return {
    /** Makes the folders, for this user from now on; null: for the runtime's own. */
    prepare(user: Owner | null): void {
      owner = user;
      try {
        mkdirSync(dir, { recursive: true, mode: 0o755 });
        for (const folder of [inbox, outbox]) {
          mkdirSync(folder, { recursive: true, mode: 0o700 });
          if (!lstatSync(folder).isDirectory()) throw new Error(`${folder} is no folder`);
          chmodSync(folder, 0o700);
          if (user !== null) chownSync(folder, user.uid, user.gid);
        }
        if (!watched) watch(outbox, { persistent: false }, scan).on("error", () => {});
        watched = true;
      } catch (error) {
        log.warn(`the folders for messages cannot be made: ${errorMessage(error)}`);
      }
    },

    /** True: it lies in the inbox (or did before), the hub may forget it. False: no room, or a full disk. */
    receive(deliveryId: string, message: Readonly<Record<string, unknown>>): boolean {
      if (!/^[\w-]{1,64}$/.test(deliveryId)) return true;
      const present = namesIn(inbox, ".json");
      if (received.has(deliveryId) || present.some((name) => name.endsWith(`-${deliveryId}.json`)))
        return true;
      if (present.length >= INBOX_LIMIT) return false;
      serial = (serial + 1) % 1_000_000;
      const order = `${String(Date.now()).padStart(14, "0")}${String(serial).padStart(6, "0")}`;
      try {
        put(inbox, `${order}-${deliveryId}.json`, `${JSON.stringify(message)}\n`);
      } catch (error) {
        log.warn(`the inbox cannot be written: ${errorMessage(error)}`);
        return false;
      }
      received.add(deliveryId);
      if (received.size > INBOX_LIMIT) received.delete(received.values().next().value ?? "");
      return true;
    },

    get full(): boolean {
      return namesIn(inbox, ".json").length >= INBOX_LIMIT;
    },

    /** The hub is there and takes messages. */
    opened(): void {
      open = true;
      underway = null;
      scan();
    },

    closed(): void {
      open = false;
      underway = null;
    },

    /** The hub's answer: the file goes, unless it may be taken later. */
    answered(id: string, accepted: readonly string[], reasons: readonly string[]): void {
      if (underway?.id !== id) return;
      const { name } = underway;
      underway = null;
      if (accepted.length === 0 && reasons.some((reason) => PASSING.has(reason))) {
        later();
        return;
      }
      if (accepted.length === 0 && reasons.length > 0) refuse(name, reasons.join(", "));
      else rmSync(join(outbox, name), { force: true });
      scan();
    },

    heartbeat(): void {
      if (underway !== null && Date.now() - underway.at > ANSWER_MS) underway = null;
      scan();
    },
  };
}

const NOT_JSON = "it is not JSON";

function parse(text: string): Omit<Outgoing, "id"> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return NOT_JSON;
  }
  if (!isRecord(value)) return "it is not a JSON object";
  const { to, type = "message", payload = {} } = value;
  if (typeof to !== "string" || to === "") return `"to" must name an agent, or be "*"`;
  if (typeof type !== "string" || type === "" || type.length > 64) return `"type" must be a word`;
  if (!isRecord(payload)) return `"payload" must be an object`;
  return { to, type, payload };
}

/** Sorted; hidden ones are still being written. */
function namesIn(folder: string, ending: string): readonly string[] {
  const names: string[] = [];
  try {
    const entries = opendirSync(folder);
    try {
      for (let seen = 0; seen < SCANNED; seen += 1) {
        const entry = entries.readSync();
        if (entry === null) break;
        if (entry.name.endsWith(ending) && !entry.name.startsWith(".")) names.push(entry.name);
      }
    } finally {
      entries.closeSync();
    }
  } catch {
    return [];
  }
  return names.sort();
}
