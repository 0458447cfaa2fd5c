/** A loop on a small scene, for tests of the loop: started, edited and waited for in a line each. */
import type { ShortAgent } from "../../core/testing/build.ts";
import type { FleetSettings } from "../../core/types.ts";
import { Loop } from "../loop.ts";
import { type Scene, type SceneOptions, createScene } from "./scene.ts";

export interface Running extends Scene {
  readonly loop: Loop;
}

export async function start(
  agents: readonly ShortAgent[],
  settings: Partial<FleetSettings> = {},
  options: SceneOptions = {},
): Promise<Running> {
  const scene = await createScene(agents, settings, options);
  return Object.assign(scene, { loop: new Loop(scene.deps) });
}

export const settle = (scene: Running, ms?: number) => {
  scene.loop.wake();
  return scene.clock.until("the loop is settled", () => scene.loop.isSettled, ms);
};
export const edit = (scene: Running, agents: readonly ShortAgent[], settings?: Partial<FleetSettings>) => {
  scene.write(agents, settings);
  scene.bus.emit("fleet.read", {
    hash: scene.desired.hash,
    revision: null,
    agents: agents.length,
    errors: [],
  });
};
export const failures = (scene: Running) => [...scene.loop.queue.failures().keys()];
export const turned = (scene: Running, n: number) =>
  scene.clock.until(`${n} more turns`, () => scene.loop.turns >= n, 3_600_000);
