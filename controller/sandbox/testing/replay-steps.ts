// For the replay test: what a scenario is made of.
import type { FaultRule } from "../faults.ts";
import type { RunOptions, World } from "./test-world.ts";

export interface Step {
  /** The recording that this step replays; without one it only prepares the world. */
  readonly recording?: string;
  /** Replaces the recorded arguments, where the recording's own could not be kept. */
  readonly args?: readonly string[];
  /** Paths are below the world's folder. */
  readonly run?: RunOptions & { readonly stdinFile?: string };
  readonly faults?: readonly FaultRule[];
  /** The step begins when this holds. */
  readonly when?: (world: World) => boolean;
  /** The step's end is not awaited; the scenario's end waits for it. */
  readonly aside?: true;
  /** No call: boots are held in this phase from now on. */
  readonly hold?: string;
  /** The client is killed when this holds. */
  readonly killWhen?: (world: World) => boolean;
  /** Tried again until it succeeds. */
  readonly retry?: true;
  /** Those set aside are awaited first. */
  readonly join?: true;
  /** Why stdout is not compared. */
  readonly stdoutDiffers?: string;
  /** The answer comes from programs in the guest, which without isolation are the host's. */
  readonly guest?: true;
}

export interface Scenario {
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

type Options = Omit<Step, "recording">;

/** Replays a recording. */
export const replay = (recording: string, options: Options = {}): Step => ({ recording, ...options });

/** Replays several in a row, all in the same way. */
export const replayAll = (recordings: string, options: Options = {}): readonly Step[] =>
  recordings.split(/\s+/).map((recording) => replay(recording, options));

/** Replays what a guest's programs answer. */
export const inGuest = (recordings: string): readonly Step[] => replayAll(recordings, { guest: true });

/** Prepares the world by a command line that was not recorded. */
export const prepare = (line: string, options: Options = {}): Step => ({ args: line.split(" "), ...options });

/** From now on boots stay in this phase; without one they go on. */
export const hold = (phase = ""): Step => ({ hold: phase });

/** Holds when the instance's boot is in this phase. */
export const inPhase =
  (instance: string, phase: string) =>
  (world: World): boolean => {
    try {
      return world.bootPhase(instance) === phase;
    } catch {
      return false;
    }
  };

export const LISTING_DIFFERS = "a listing of the guest system's own folders";
