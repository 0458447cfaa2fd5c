/** Nonces that this fleet recognises without its store: a salt, and the HMAC of name and salt under the fleet's key. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createOnce } from "../../base/create-once.ts";
import { VmAgentError } from "../../base/errors.ts";

const KEY_BYTES = 32;
const SALT_BYTES = 16;

export const fleetKeyPath = (home: string): string => join(home, "fleet-key");

/** Created once, readable by its owner only, and never in the store: it survives the loss of the store. */
export function readOrCreateFleetKey(home: string): Buffer {
  const path = fleetKeyPath(home);
  const known = readKey(path);
  if (known) return known;
  createOnce(path, randomBytes(KEY_BYTES));
  return readKey(path) ?? readOrCreateFleetKey(home);
}

function readKey(path: string): Buffer | null {
  try {
    const key = readFileSync(path);
    if (key.length !== KEY_BYTES) {
      throw new VmAgentError({
        code: "fleet-key-invalid",
        message: `${path} has ${key.length} bytes, and a fleet's key has ${KEY_BYTES}`,
        next: "put it back from a backup; without one remove the file: a new key is made, and only the store knows the older instances then",
      });
    }
    chmodSync(path, 0o600);
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

export function makeNonce(
  key: Buffer,
  name: string,
  salt: string = randomBytes(SALT_BYTES).toString("base64url"),
): string {
  return `${salt}.${macOf(key, name, salt).toString("base64url")}`;
}

/** True for a nonce that was derived with this key for this name. */
export function isNonceOf(key: Buffer, name: string, nonce: string): boolean {
  const [salt = "", mac = "", ...rest] = nonce.split(".");
  if (salt === "" || rest.length > 0) return false;
  const presented = Buffer.from(mac, "base64url");
  const right = macOf(key, name, salt);
  return presented.length === right.length && timingSafeEqual(presented, right);
}

/** Neither a name nor a salt contains a line break, so no two pairs give the same text. */
const macOf = (key: Buffer, name: string, salt: string): Buffer =>
  createHmac("sha256", key).update(`${name}\n${salt}`).digest();
