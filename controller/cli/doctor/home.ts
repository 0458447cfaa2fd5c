/** The state folder and its keys: writable, with free space, and not readable by others. */
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bytes } from "../../core/units.ts";
import { operatorTokenPath } from "../../hub/auth/operator-token.ts";
import { shownPath } from "../output/output.ts";
import type { Check, Finding } from "./check.ts";
import type { DoctorContext } from "./context.ts";

/** With less than this SQLite's log will soon not fit. */
const LEAST_ROOM = 64 * 1024 ** 2;

export const home: Check<DoctorContext> = {
  name: "home",
  async run({ settings }) {
    const folder = existing(settings.home);
    const where = shownPath(settings.home);
    const findings: Finding[] = [];
    if (!writable(folder)) {
      const next = `give it to the user who runs vm-agent (ls -ld ${folder}), or choose another with --home or VM_AGENT_HOME`;
      findings.push({ level: "bad", found: `the state folder ${where} cannot be written`, next });
    } else if (folder !== settings.home)
      findings.push({ level: "good", found: `the state folder ${where} will be made by the first start` });
    else findings.push({ level: "good", found: `the state folder ${where} is writable` });

    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < LEAST_ROOM)
      findings.push({
        level: "bad",
        found: `${bytes(bavail * bsize)} free where the state folder ${where} lies`,
        next: "free some space there, or move it with --home or VM_AGENT_HOME; with a full disk no task is taken",
      });
    return findings;
  },
};

export const tokens: Check<DoctorContext> = {
  name: "tokens",
  async run({ settings }) {
    const path = operatorTokenPath(settings.home);
    const key = join(settings.home, "fleet-key");
    const findings = [secret(path, "the operator's token")];
    if (existsSync(key)) findings.push(secret(key, "the fleet's key"));
    // Two good findings say no more than one.
    return findings.every((f) => f.level === "good")
      ? findings.slice(0, 1)
      : findings.filter((f) => f.level !== "good");
  },
};

const OTHERS = 0o077;
/** The hub's own rule. */
const SHORTEST_TOKEN = 16;

function secret(path: string, what: string): Finding {
  const where = shownPath(path);
  if (!existsSync(path)) return { level: "good", found: `${what} will be made by the first start` };
  try {
    const mode = statSync(path).mode & 0o777;
    if ((mode & OTHERS) !== 0)
      return {
        level: "warn",
        found: `${what} ${where} has mode ${mode.toString(8).padStart(4, "0")}: others may read it`,
        next: `chmod 600 ${where}${what.includes("token") ? ", then vm-agent token rotate if others use this machine" : ""}`,
      };
    if (readFileSync(path).toString().trim().length < SHORTEST_TOKEN)
      return {
        level: "bad",
        found: `${what} ${where} is empty or too short`,
        next: what.includes("token")
          ? "remove the file; the next start makes a new token"
          : "put it back from a backup (vm-agent backup FILE --restore); without it our own instances are not known again",
      };
    return { level: "good", found: `${what} is in ${where}, mode 0600` };
  } catch (error) {
    return {
      level: "bad",
      found: `${what} cannot be read: ${(error as Error).message}`,
      next: `run vm-agent as the user who owns it: ls -l ${where}`,
    };
  }
}

/** The folder itself, or its nearest existing parent. */
function existing(folder: string): string {
  let at = folder;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
