// How long the pretended parts of an instance's life take. Short by default; the real work comes on top.
import { readText } from "../files.ts";
import { inState } from "../paths.ts";

/** Greater is faster: 1 boots in about 150 ms, 0.01 in 15 s. */
export const SPEED_VARIABLE = "VM_AGENT_SANDBOX_SPEED";

const MILLISECONDS = {
  /** Image fetching and converting, during which a launch is not listed yet. */
  prepare: 20,
  /** A boot's time as Starting. */
  starting: 50,
  /** A first boot's time as Unknown: there is no address lease yet. */
  unknown: 80,
  /** A later boot's time as Starting (the lease is known), and as Restarting. */
  restarting: 100,
  /** How long a normal stop waits for the guest before it gives up (300 s in Multipass). */
  powerdown: 60_000,
  /** How long the daemon waits in vain for a guest that ignores the power button while it boots (300 s in Multipass). */
  ignoredPowerdown: 3_000,
  /** How long the daemon waits for a guest to answer, when no --timeout is given (300 s in Multipass). */
  answer: 60_000,
  /** How long the daemon is away after a change of its settings. */
  daemonRestart: 150,
} as const;

export function duration(what: keyof typeof MILLISECONDS): number {
  return MILLISECONDS[what] / speed();
}

function speed(): number {
  const value = Number(process.env[SPEED_VARIABLE] ?? "1");
  return Number.isFinite(value) && value > 0 ? value : 1;
}

/** The phases in which boots stay for as long as the file `hold` in the state folder names them: for tests, and for looking on. */
export function heldPhases(): readonly string[] {
  return readText(inState("hold"))?.trim().split(/\s+/) ?? [];
}
