/** Takes the used join token out of the copies that cloud-init keeps of its user data; what is not there, or not ours, is left. */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { guest } from "./paths.ts";

const INSTANCES = "/var/lib/cloud/instances";
const COPIES = ["user-data.txt", "user-data.txt.i", "cloud-config.txt", "obj.pkl", "vendor-cloud-config.txt"];
const ELSEWHERE = [
  "/run/cloud-init/instance-data-sensitive.json",
  "/run/cloud-init/combined-cloud-config.json",
];

/**
 * Overwrites in place with the same number of bytes: a pickle stores the length. The token is already used; this keeps
 * it from being found later.
 */
export function scrubJoinToken(token: string): void {
  if (token.length < 16) return;
  const secret = Buffer.from(token, "latin1");
  for (const path of [...copies(), ...ELSEWHERE.map((path) => guest(path))]) {
    try {
      overwrite(path, secret);
    } catch {
      // Not every image has every copy, and a read-only one cannot be changed.
    }
  }
}

function copies(): readonly string[] {
  const folder = guest(INSTANCES);
  try {
    return readdirSync(folder).flatMap((id) => COPIES.map((name) => join(folder, id, name)));
  } catch {
    return [];
  }
}

function overwrite(path: string, secret: Buffer): void {
  const bytes = readFileSync(path);
  let at = bytes.indexOf(secret);
  if (at < 0) return;
  const fd = openSync(path, "r+");
  try {
    for (; at >= 0; at = bytes.indexOf(secret, at + secret.length))
      writeSync(fd, Buffer.alloc(secret.length, "x"), 0, secret.length, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
