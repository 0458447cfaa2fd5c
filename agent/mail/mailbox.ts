/**
 * Messages of the programs in this instance: the task user puts a file into `outbox/`, and finds other agents' messages
 * in `inbox/`. The runtime never trusts these files: one may be a link to its own credential.
 */
import { createHash } from "node:crypto";
import { chmodSync, chownSync, lstatSync, mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { errorMessage } from "../host/files.ts";
import type { Log } from "../host/log.ts";
import { discard, namesIn, type Owner, putOwn, readOwn } from "./mail-files.ts";
import { isRecord } from "../session/wire.ts";

/** Messages that may lie in the inbox; the hub keeps further ones until there is room. */
export const INBOX_LIMIT = 1000;
/** Largest file that is taken from the outbox. */
export const MESSAGE_BYTES = 64 * 1024;
/** Refused messages that are left to look at. */
const REFUSED_LIMIT = 100;
/** A file that is no JSON may still be being written. */
const WRITING_MS = 2000;
const AGAIN_MS = 1000;
/** Without an answer for so long a message is sent again. */
const ANSWER_MS = 30_000;
/** Refusals that the log names between two heartbeats; the rest is counted. */
const REFUSALS_NAMED = 10;
/** Transient refusals of the hub. */
const PASSING = new Set(["rate-limited", "store-error"]);

export interface Outgoing {
  readonly id: string;
  readonly to: string;
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

interface Found {
  readonly message: Outgoing;
  /** What it was, and of which file. */
  readonly mark: string;
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
  let underway: (Found & { readonly name: string; readonly at: number }) | null = null;
  let open = false;
  let serial = 0;
  let lastAt = 0;
  let retrying = false;
  let watched = false;
  let refusals = 0;

  const later = () => {
    if (retrying) return;
    retrying = true;
    setTimeout(() => {
      retrying = false;
      scan();
    }, AGAIN_MS).unref();
  };

  /** Where the guest's limit of file watches is reached, the looks at each heartbeat are left. */
  const watchOutbox = (): void => {
    try {
      watch(outbox, { persistent: false }, scan).on("error", () => {});
    } catch (error) {
      log.warn(`messages are found at each heartbeat only: ${errorMessage(error)}`);
    }
  };

  const scan = (): void => {
    if (!open || underway !== null) return;
    for (const name of namesIn(outbox, ".json").names) {
      const found = read(name);
      if (found === "later") {
        later();
        continue;
      }
      if (typeof found === "string") {
        refuse(name, found);
        continue;
      }
      if (!send(found.message)) return;
      underway = { ...found, name, at: performance.now() };
      return;
    }
  };

  /** A message, why it is none, or `later`. */
  const read = (name: string): Found | string => {
    const file = readOwn(outbox, name, MESSAGE_BYTES);
    if (file === null) return "later";
    if (typeof file === "string") return file;
    const message = parse(file.text);
    if (typeof message === "string") {
      const fresh = Math.abs(Date.now() - file.modifiedAt) < WRITING_MS;
      return message === NOT_JSON && fresh ? "later" : message;
    }
    const mark = JSON.stringify([name, file.inode, file.modifiedAt, message]);
    const id = createHash("sha256").update(mark).digest("hex").slice(0, 32);
    return { message: { ...message, id }, mark };
  };

  const refuse = (name: string, reason: string): void => {
    refusals += 1;
    if (refusals <= REFUSALS_NAMED) log.warn(`a message in the outbox was refused: ${reason.slice(0, 200)}`);
    try {
      discard(outbox, name);
      put(outbox, `${name.slice(0, -5)}.refused`, `${JSON.stringify({ reason })}\n`);
      const old = namesIn(outbox, ".refused").names;
      for (const extra of old.slice(0, Math.max(0, old.length - REFUSED_LIMIT))) discard(outbox, extra);
    } catch (error) {
      log.warn(`the outbox cannot be written: ${errorMessage(error)}`);
    }
  };

  const remove = (name: string): void => {
    try {
      discard(outbox, name);
    } catch (error) {
      log.warn(`the outbox cannot be written: ${errorMessage(error)}`);
    }
  };

  const put = (folder: string, name: string, text: string): void => putOwn(folder, name, text, owner);

  /** Decoys that hide how many there are count as a full inbox. */
  const look = () => {
    const { names, complete } = namesIn(inbox, ".json");
    return { names, full: !complete || names.length >= INBOX_LIMIT };
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
        if (!watched) watchOutbox();
        watched = true;
      } catch (error) {
        log.warn(`the folders for messages cannot be made: ${errorMessage(error)}`);
      }
    },

    /** True: it lies in the inbox (or did before), the hub may forget it. False: no room, or a full disk. */
    receive(deliveryId: string, message: Readonly<Record<string, unknown>>): boolean {
      if (!/^[\w-]{1,64}$/.test(deliveryId)) return true;
      const { names: present, full } = look();
      if (received.has(deliveryId) || present.some((name) => name.endsWith(`-${deliveryId}.json`)))
        return true;
      if (full) return false;
      serial = (serial + 1) % 1_000_000;
      // A clock that was set back must not put a newer message before an older one.
      lastAt = Math.max(Date.now(), lastAt, newest(present));
      const order = `${String(lastAt).padStart(14, "0")}${String(serial).padStart(6, "0")}`;
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
      return look().full;
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
      if (underway?.message.id !== id) return;
      const { name, mark } = underway;
      underway = null;
      if (accepted.length === 0 && reasons.some((reason) => PASSING.has(reason))) {
        later();
        return;
      }
      const now = read(name);
      // Rewritten meanwhile: the new content has not been sent.
      if (typeof now !== "string" && now.mark === mark) {
        if (accepted.length === 0 && reasons.length > 0) refuse(name, reasons.join(", "));
        else remove(name);
      }
      scan();
    },

    heartbeat(): void {
      if (refusals > REFUSALS_NAMED) log.warn(`${refusals - REFUSALS_NAMED} more messages were refused`);
      refusals = 0;
      if (underway !== null && performance.now() - underway.at > ANSWER_MS) underway = null;
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

/** Milliseconds in the newest name that we gave; one from elsewhere does not count. */
function newest(names: readonly string[]): number {
  const at = names.flatMap((name) => (/^\d{20}-/.test(name) ? Number(name.slice(0, 14)) : []));
  return at.reduce((most, next) => Math.max(most, next), 0);
}
