/** Runs fuzz targets over numbered inputs of one seed, watches the memory, and says how to have a failure again. */
import { type Chance, chanceOf } from "./chance.ts";
import { multipass, redactor, yaml } from "./pure-targets.ts";
import { screens } from "./screen-target.ts";
import { bodies, frames, type Target } from "./server-targets.ts";

const pure = (check: Target["check"]) => async (): Promise<Target> => ({ check, close: async () => {} });

/** Name, how it is opened, inputs of a full run. */
export const TARGETS = {
  frames: [frames, 50_000],
  bodies: [bodies, 10_000],
  screens: [screens, 200],
  redactor: [pure(redactor), 100_000],
  yaml: [pure(yaml), 10_000],
  multipass: [pure(multipass), 50_000],
} as const satisfies Readonly<Record<string, readonly [() => Promise<Target>, number]>>;

export type TargetName = keyof typeof TARGETS;

export interface FuzzRun {
  readonly target: TargetName;
  readonly inputs: number;
  readonly seconds: number;
  /** Growth of the heap from a tenth of the way to the end, after garbage collection where that can be asked for. */
  readonly heapGrowth: number;
}

/** An input that takes longer hangs. Milliseconds. */
const HANGS = 20_000;
/** What bounded state may still fill while a run goes on. */
const HEAP_ALLOWED = 64 * 1024 * 1024;

export async function fuzz(target: TargetName, seed: number, count: number, from = 0): Promise<FuzzRun> {
  const [open] = TARGETS[target];
  const { check, close } = await open();
  const started = performance.now();
  let heap = 0;
  const failed = (index: number, cause: unknown) =>
    new Error(
      `${target} failed at input ${index} of seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}\n` +
        `again: npm run fuzz -- --seed ${seed} --only ${target} --from ${index} --count 1 (or --from 0 if what went before matters)`,
      { cause },
    );
  for (let index = from; index < from + count; index++) {
    if (index === from + Math.ceil(count / 10)) heap = used();
    try {
      await timed(check, chanceOf(seed, index));
    } catch (error) {
      await close().catch(() => {});
      throw failed(index, error);
    }
  }
  const heapGrowth = Math.max(0, used() - heap);
  await close().catch((error: unknown) => {
    throw failed(from + count - 1, error);
  });
  if (heapGrowth > HEAP_ALLOWED) throw failed(from + count - 1, `the heap grew by ${heapGrowth} bytes`);
  return { target, inputs: count, seconds: (performance.now() - started) / 1000, heapGrowth };
}

function used(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function timed(check: Target["check"], chance: Chance): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${HANGS} ms`)), HANGS);
  });
  try {
    await Promise.race([check(chance), late]);
  } finally {
    clearTimeout(timer);
  }
}
