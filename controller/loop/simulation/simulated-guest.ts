/** What happens in a modelled guest: its first boot at the end of a launch, and commands that are run in it. */
import type { Size } from "../../core/types.ts";
import type { SimulatedDriverOptions } from "./driver-options.ts";
import { type SimulatedInstance, type SimulatedMultipass, failure } from "./simulated-multipass.ts";

/** What a command in a guest answers: the nonce that lies there, a runtime that is started again, and nothing else. */
export function inside(world: SimulatedMultipass, instance: SimulatedInstance, argv: readonly string[]) {
  if (argv.includes("cat")) {
    if (instance.nonce === "none" || instance.empty)
      return {
        exitCode: 1,
        stdout: "",
        stderr: "cat: /etc/vm-agent/runtime.json: No such file or directory",
      };
    // A clone carries the settings of the instance that it was made from.
    const agent = instance.maker === "fleet" ? instance.name : `original-of-${instance.name}`;
    const settings = JSON.stringify({ agent, nonce: instance.nonce });
    return { exitCode: 0, stdout: `${instance.name}\n${settings}\n`, stderr: "" };
  }
  if (argv.includes("restart") && !instance.empty) {
    instance.helloAt = world.clock.now() + world.timing.hello();
    for (const listener of world.onBoot) listener(instance);
  }
  return { exitCode: 0, stdout: "", stderr: "" };
}

/** The image is there: the instance appears, boots, and the launch reports its end or gives up waiting (CONTRACT section 8). */
export function launched(
  world: SimulatedMultipass,
  parts: { readonly name: string; readonly nonce: string; readonly size: Size; readonly release: string },
  timeout: number,
  report: (error: Error | null) => void,
  options: SimulatedDriverOptions,
): void {
  const { clock, timing } = world;
  const { name } = parts;
  if (world.get(name)) {
    report(failure("instance-exists", `instance "${name}" already exists`));
    return;
  }
  const instance = world.add({ ...parts, maker: "fleet" });
  options.onEffect?.({ kind: "launch", name, instance });
  instance.empty = options.fault?.("cloud-init", name) === "fail";
  const ms = world.boot(instance, true) - clock.now();
  const { boot } = instance;
  if (options.fault?.("boot", name) === "fail") {
    clock.call(1500, () => {
      if (world.get(name) === instance && instance.boot === boot) world.put(instance, "Stopped");
      report(failure("launch-failed", `${name}: shutdown called while starting`));
    });
    return;
  }
  if (ms <= timeout) {
    clock.call(ms + timing.cloudInit(), () => {
      const gone = world.get(name) !== instance;
      report(gone ? failure("driver-failed", `instance "${name}" does not exist`, true) : null);
    });
    return;
  }
  clock.call(timeout, () => {
    // The guest may come up all the same; Multipass does not look again.
    if (world.get(name) === instance && instance.boot === boot) world.putUnknown(instance);
    report(failure("launch-timeout", "timed out waiting for response", true));
  });
}

/** The client gives up when it is cancelled; the daemon continues. */
export async function cancelled<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return answer;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(failure("driver-cancelled", "the client was cancelled", true));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([answer, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    answer.catch(() => {});
  }
}
