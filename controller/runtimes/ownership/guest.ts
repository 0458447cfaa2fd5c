/** What lies inside a Running instance: the runtime's settings and the instance's own name there, by one bounded `exec`. */
import type { Clock } from "../../base/clock.ts";
import { toVmAgentError } from "../../base/errors.ts";
import type { Claim } from "../../core/types.ts";
import type { Driver } from "../../drivers/driver.ts";

export const SETTINGS_FILE = "/etc/vm-agent/runtime.json";
const INSTANCE_ID_FILE = "/var/lib/cloud/data/instance-id";

/** A guest that answers does so in a second or two; a silent one is not waited for longer than this. Milliseconds. */
export const INSIDE_DEADLINE_MS = 20_000;

export interface InsideDeps {
  readonly driver: Driver;
  readonly clock: Clock;
  /** Milliseconds that every command in a guest is given at least; absent: what each needs. */
  readonly insideDeadlineMs?: number;
}

/**
 * `seen`: what is written there, `instanceId` being the name under which the instance was made. `nothing`: the guest answers,
 * and nothing of ours is in it. `silent`: it could not be asked, so nothing is known.
 */
export type Inside =
  | {
      readonly kind: "seen";
      readonly instanceId: string;
      readonly nonce: string;
      readonly agent: string;
      readonly settings: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "nothing" }
  | { readonly kind: "silent"; readonly why: string };

/** Only ever for an instance that a trustworthy list has just shown as Running: `exec` would start any other. */
export async function lookInside(deps: InsideDeps, name: string, signal?: AbortSignal): Promise<Inside> {
  try {
    const argv = ["sudo", "-n", "env", "LC_ALL=C", "cat", INSTANCE_ID_FILE, SETTINGS_FILE];
    const { exitCode, stdout, stderr } = await runInside(deps, name, argv, { signal });
    const inside = readInside(stdout);
    if (exitCode === 0) return inside ?? { kind: "nothing" };
    if (/No such file or directory/.test(stderr)) return { kind: "nothing" };
    return { kind: "silent", why: firstLine(stderr) || `cat ended with ${exitCode}` };
  } catch (error) {
    return { kind: "silent", why: toVmAgentError(error).message };
  }
}

export interface RunInside {
  readonly signal?: AbortSignal | undefined;
  /** For standard input: secrets go there, because argv is everybody's. */
  readonly input?: string;
  readonly deadlineMs?: number;
}

/** One command in a Running instance that must be over in time. */
export async function runInside(
  { driver, clock, insideDeadlineMs = 0 }: InsideDeps,
  name: string,
  argv: readonly string[],
  { signal, input, deadlineMs: needed = INSIDE_DEADLINE_MS }: RunInside = {},
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const deadlineMs = Math.max(needed, insideDeadlineMs);
  const late = new AbortController();
  const timer = new AbortController();
  clock.sleep(deadlineMs, timer.signal).then(
    () => late.abort(new Error(`no answer in ${deadlineMs / 1000} s`)),
    () => {},
  );
  try {
    const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
    return await driver.exec(name, "Running", argv, either, input);
  } catch (error) {
    if (late.signal.aborted && !signal?.aborted) throw late.signal.reason;
    throw error;
  } finally {
    timer.abort();
  }
}

/** The two files one after the other: a name, and a JSON object that begins with the first brace. */
export function readInside(text: string): Extract<Inside, { readonly kind: "seen" }> | null {
  const brace = text.indexOf("{");
  if (brace < 0) return null;
  try {
    const settings = JSON.parse(text.slice(brace)) as Readonly<Record<string, unknown>>;
    const { nonce, agent } = settings;
    if (typeof nonce !== "string" || typeof agent !== "string") return null;
    return { kind: "seen", instanceId: text.slice(0, brace).trim(), nonce, agent, settings };
  } catch {
    return null;
  }
}

/** Whether what lies inside is the instance that this name stands for, in words where it is not. */
export function strangerInside(
  name: string,
  inside: Exclude<Inside, { readonly kind: "silent" }>,
  isRight: (nonce: string) => boolean,
): string | null {
  if (inside.kind === "nothing") return "nothing of vm-agent is inside it";
  if (inside.instanceId !== name)
    return `inside it calls itself "${inside.instanceId.slice(0, 63)}": it carries the files of another instance`;
  if (inside.agent !== name) return `it is a clone of "${inside.agent.slice(0, 63)}", whose files it carries`;
  return isRight(inside.nonce) ? null : "another fleet made it: the nonce inside is not ours";
}

export const isClaimed =
  (claim: Claim) =>
  (nonce: string): boolean =>
    nonce === claim.nonce;

const firstLine = (text: string): string => text.trim().split("\n", 1)[0] ?? "";
