/** Reads the runtime's settings and the instance's own name in a Running instance, by one bounded `exec`. */
import type { Clock } from "../../base/clock.ts";
import { toVmAgentError } from "../../base/errors.ts";
import type { Claim } from "../../core/types.ts";
import type { Driver } from "../../drivers/driver.ts";

export const SETTINGS_FILE = "/etc/vm-agent/runtime.json";
const INSTANCE_ID_FILE = "/var/lib/cloud/data/instance-id";

/** A responsive guest answers within a second or two; no longer than this is waited for. Milliseconds. */
export const INSIDE_DEADLINE_MS = 20_000;

export interface GuestDeps {
  readonly driver: Driver;
  readonly clock: Clock;
  /** Minimum time for every command in a guest, in milliseconds; absent: none. */
  readonly insideDeadlineMs?: number;
}

/**
 * `seen`: the settings, `instanceId` being the name that the instance was created with. `nothing`: the guest answers,
 * and has no runtime settings. `silent`: it did not answer, so nothing is known.
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

/** Only for an instance that a trustworthy list has just shown as Running: `exec` would start any other. */
export async function lookInGuest(deps: GuestDeps, name: string, signal?: AbortSignal): Promise<Inside> {
  try {
    const argv = ["sudo", "-n", "env", "LC_ALL=C", "cat", INSTANCE_ID_FILE, SETTINGS_FILE];
    const { exitCode, stdout, stderr } = await runInGuest(deps, name, argv, { signal });
    const inside = readInGuest(stdout);
    if (exitCode === 0) return inside ?? { kind: "nothing" };
    if (/No such file or directory/.test(stderr)) return { kind: "nothing" };
    return { kind: "silent", why: firstLine(stderr) || `cat ended with ${exitCode}` };
  } catch (error) {
    return { kind: "silent", why: toVmAgentError(error).message };
  }
}

export interface RunInGuest {
  readonly signal?: AbortSignal | undefined;
  /** For standard input: secrets go there, because arguments are visible to all. */
  readonly input?: string;
  readonly deadlineMs?: number;
}

/** One bounded command in a Running instance. */
export async function runInGuest(
  { driver, clock, insideDeadlineMs = 0 }: GuestDeps,
  name: string,
  argv: readonly string[],
  { signal, input, deadlineMs: needed = INSIDE_DEADLINE_MS }: RunInGuest = {},
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

/** Both files in sequence: a name, and a JSON object that begins with the first brace. */
export function readInGuest(text: string): Extract<Inside, { readonly kind: "seen" }> | null {
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

/** Whether the guest's settings match the claim of this name, in words where they do not. */
export function unownedGuest(
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
