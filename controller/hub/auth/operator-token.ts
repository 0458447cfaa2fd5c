/** The operator's token: a file readable by its owner only, created on the first start. */
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createOnce } from "../../base/create-once.ts";
import { makeHome } from "../../base/home.ts";
import { VmAgentError } from "../../base/errors.ts";
import type { Random } from "../random.ts";

/** Shorter tokens could be guessed; generated ones have 43 characters. */
const SHORTEST = 16;

export function operatorTokenPath(home: string): string {
  return join(home, "operator-token");
}

/** The token's text. */
export function readOrCreateOperatorToken(home: string, random: Random): string {
  const path = operatorTokenPath(home);
  if (!existsSync(path)) {
    makeHome(home);
    createOnce(path, `${random.token()}\n`);
  }
  const token = readFileSync(path, "utf8").trim();
  if (token.length < SHORTEST) {
    throw new VmAgentError({
      code: "operator-token-invalid",
      message: `${path} is empty or too short to be a token`,
      next: "remove the file; the next start makes a new token",
    });
  }
  chmodSync(path, 0o600);
  return token;
}

/** Replaces the token; readers see the old one or the new one, never a part. */
export function rotateOperatorToken(home: string, random: Random): string {
  const path = operatorTokenPath(home);
  const token = random.token();
  const between = `${path}.${process.pid}.tmp`;
  writeFileSync(between, `${token}\n`, { mode: 0o600, flush: true });
  renameSync(between, path);
  return token;
}
