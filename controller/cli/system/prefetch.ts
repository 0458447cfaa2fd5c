/**
 * Prefetch: starts the list of instances before the command line is loaded, because a short command is mostly loading
 * and waiting.
 */
import { type Settings, readSettings, wantsColor } from "../../base/env.ts";
import type { InstanceList } from "./instance-list.ts";
import { globalFlags } from "../global-flags.ts";
import { createOutput } from "../output/output.ts";
import { openContext, type CommandContext } from "./command-context.ts";

export interface Prefetched {
  readonly world: CommandContext;
  /** null: the list could not be started yet. */
  readonly early: InstanceList | null;
}

let begun: (Prefetched & { readonly settings: Settings }) | null = null;

/** For commands that begin by observing; errors in their arguments are reported by the parser. */
export async function prefetch(argv: readonly string[]): Promise<void> {
  if (argv.some((arg) => arg === "-h" || arg === "--help")) return;
  try {
    const settings = readSettings(globalFlags(argv), process.env, process.cwd());
    const world = await open(settings);
    begun = { settings, world, early: await world.listInstances() };
  } catch {
    begun = null;
  }
}

/** The prefetched list, if it was made with these settings; else a new one. */
export async function takePrefetched(settings: Settings): Promise<Prefetched> {
  const taken = begun;
  begun = null;
  if (taken !== null && JSON.stringify(taken.settings) === JSON.stringify(settings)) return taken;
  await taken?.world[Symbol.asyncDispose]();
  const world = await open(settings);
  return { world, early: await world.listInstances() };
}

function open(settings: Settings): Promise<CommandContext> {
  const { color, width } = createOutput({ color: wantsColor(process.env), json: false });
  return openContext(settings, { color, width });
}
