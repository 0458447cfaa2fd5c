/** Begins the look at the instances before the command line itself is loaded: a short command is mostly loading and waiting, and both go at once. */
import { type Settings, readSettings, wantsColor } from "../../base/env.ts";
import type { EarlyLook } from "./early-look.ts";
import { globalFlags } from "../global-flags.ts";
import { createOutput } from "../output/output.ts";
import { openWorld, type World } from "./world.ts";

export interface EarlyWorld {
  readonly world: World;
  /** null: nothing could be begun yet. */
  readonly early: EarlyLook | null;
}

let begun: (EarlyWorld & { readonly settings: Settings }) | null = null;

/** For the arguments of a command that looks first; what is wrong with them is told by whoever reads them in full. */
export async function beginEarly(argv: readonly string[]): Promise<void> {
  if (argv.some((arg) => arg === "-h" || arg === "--help")) return;
  try {
    const settings = readSettings(globalFlags(argv), process.env, process.cwd());
    const world = await open(settings);
    begun = { settings, world, early: await world.lookEarly() };
  } catch {
    begun = null;
  }
}

/** What was begun, if it was begun with these settings; else the same, begun now. */
export async function takeEarly(settings: Settings): Promise<EarlyWorld> {
  const taken = begun;
  begun = null;
  if (taken !== null && JSON.stringify(taken.settings) === JSON.stringify(settings)) return taken;
  await taken?.world[Symbol.asyncDispose]();
  const world = await open(settings);
  return { world, early: await world.lookEarly() };
}

function open(settings: Settings): Promise<World> {
  const { color, width } = createOutput({ color: wantsColor(process.env), json: false });
  return openWorld(settings, { color, width });
}
