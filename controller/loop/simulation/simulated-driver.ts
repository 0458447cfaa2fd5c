/** The Driver of one controller over the modelled Multipass, with faults on order and a ledger of every call that changes something. */
import type { ObservedSnapshot, Size } from "../../core/types.ts";
import type { Driver } from "../../drivers/driver.ts";
import type { SimulatedDriverOptions } from "./driver-options.ts";
import { cancelled, inside, launched } from "./simulated-guest.ts";
import { type SimulatedInstance, type SimulatedMultipass, failure } from "./simulated-multipass.ts";

const LOOK_DEADLINE = 30_000;
const CHANGE_DEADLINE = 330_000;

/** How long the daemon is busy with each, milliseconds (CONTRACT sections 9 to 12). */
const TAKES = {
  list: 30,
  size: 90,
  snapshots: 40,
  mounts: 60,
  find: 60,
  mount: 300,
  unmount: 100,
  exec: 400,
  launch: 100,
  start: 100,
  stop: 2000,
  suspend: 3000,
  recover: 50,
  resize: 50,
  snapshot: 60,
  removeSnapshot: 60,
  restore: 500,
  remove: 200,
} as const;

export function createSimulatedDriver(
  world: SimulatedMultipass,
  options: SimulatedDriverOptions = {},
): Driver {
  const { clock } = world;
  const faultOf = options.fault ?? (() => "none");

  /** The daemon does it in its turn, whether or not the client still waits for it. */
  async function ask<T>(kind: keyof typeof TAKES, name: string, deadline: number, work: () => T): Promise<T> {
    const fault = faultOf(kind, name);
    const done = world.occupy(TAKES[kind] + (typeof fault === "object" ? fault.wedge : 0));
    const ms = done - clock.now();
    let answer: { readonly value: T } | { readonly error: unknown } | null = null;
    const act = () => {
      try {
        answer = { value: work() };
      } catch (error) {
        answer = { error };
      }
    };
    if (fault !== "refuse" && fault !== "fail") clock.call(ms, act);
    await clock.sleep(Math.min(ms, deadline));
    if (ms > deadline) throw failure("driver-timeout", `${kind} ${name}: no answer`, true);
    if (fault === "fail") throw failure("driver-failed", `${kind} ${name}: no`);
    if (fault !== "none" && typeof fault !== "object")
      throw failure("driver-unreachable", `${kind} ${name}: socket closed`, true);
    const found = answer as { readonly value: T } | { readonly error: unknown } | null;
    if (found === null) throw new Error("the daemon forgot it");
    if ("error" in found) throw found.error;
    return found.value;
  }

  function change<T>(
    kind: keyof typeof TAKES,
    name: string,
    work: (instance: SimulatedInstance) => T,
    detail = "",
  ): Promise<T> {
    const tag = options.onCall?.({ kind, name, instance: world.get(name) ?? null, detail });
    const answer = ask(kind, name, CHANGE_DEADLINE, () => {
      const instance = world.get(name);
      if (!instance) throw failure("instance-missing", `instance "${name}" does not exist`);
      options.onEffect?.({ kind, name, instance, detail, tag });
      return work(instance);
    });
    return answer.finally(() => options.onAnswer?.(name));
  }

  const wrong = (instance: SimulatedInstance, what: string) =>
    failure("wrong-state", `cannot ${what} ${instance.name} while it is ${instance.state}`, true);
  // Into a running guest it goes by ssh.
  const mountable = (instance: SimulatedInstance) => {
    if (instance.state === "Running" && !world.speaks(instance))
      throw failure("driver-failed", `${instance.name} does not answer`, true);
  };
  const stopped = (instance: SimulatedInstance) => {
    if (instance.state !== "Stopped") throw failure("not-stopped", `${instance.name} is ${instance.state}`);
  };

  const driver: Driver = {
    can: { suspend: true, resize: true, mounts: true, snapshots: true },
    info: async () => ({ name: "multipass", version: "1.16.3", daemonAnswers: true, sandbox: false }),
    async list() {
      try {
        const instances = await ask("list", "", LOOK_DEADLINE, () =>
          world.all().map(({ name, state, release }) => ({ name, state, release, ipv4: [] })),
        );
        options.onList?.(true);
        return { kind: "seen", instances };
      } catch (error) {
        options.onList?.(false);
        return { kind: "unobservable", reason: (error as Error).message, next: "nothing" };
      }
    },
    size: (name) =>
      ask("size", name, LOOK_DEADLINE, () => {
        const found = world.get(name);
        if (!found) throw failure("instance-missing", name);
        return world.shownSize(found.size);
      }),
    shownSize: (size) => world.shownSize(size),
    async snapshots() {
      const { at, all } = await ask("snapshots", "", LOOK_DEADLINE, () => {
        const having = world.all().filter((i) => i.snapshots.length > 0);
        const plain = ({ name, parent, comment }: ObservedSnapshot) => ({ name, parent, comment });
        return { at: clock.now(), all: new Map(having.map((i) => [i.name, i.snapshots.map(plain)])) };
      });
      options.onSnapshots?.(at);
      return all;
    },
    mounts: (name) =>
      ask("mounts", name, CHANGE_DEADLINE, () => {
        const found = world.get(name);
        if (!found) throw failure("instance-missing", name);
        return found.mounts;
      }),

    find: (image) =>
      ask("find", "", LOOK_DEADLINE, () => {
        const release = world.releases.get(image);
        return release === undefined ? [] : [{ os: "", release, remote: "" }];
      }),

    async launch(spec, userData, onProgress) {
      const { name, size } = spec;
      const { nonce } = JSON.parse(userData) as { readonly nonce: string };
      options.onCall?.({ kind: "launch", name, instance: world.get(name) ?? null });
      let report: (error: Error | null) => void = () => {};
      const answered = new Promise<Error | null>((resolve) => {
        report = resolve;
      });
      const asked = ask("launch", name, CHANGE_DEADLINE, () => {
        if (world.preparing.has(name))
          throw failure("instance-preparing", `instance "${name}" is being prepared`, true);
        if (world.get(name)) throw failure("instance-exists", `instance "${name}" already exists`);
        if (spec.image === "missing") throw failure("image-unknown", "Unable to find an image");
        world.preparing.add(name);
        onProgress?.("Retrieving image: 50%");
        clock.call(world.timing.prepare(), () => {
          world.preparing.delete(name);
          const release = world.releaseOf(spec.image ?? null);
          launched(world, { name, nonce, size, release }, spec.timeoutSeconds * 1000, report, options);
        });
      });
      const error = await asked.then(() => answered).finally(() => options.onAnswer?.(name));
      if (error) throw error;
    },

    async start(name) {
      const up = await change("start", name, (instance): number => {
        const { state } = instance;
        if (state === "Running" || state === "Starting") return clock.now();
        if (state === "Delayed Shutdown") {
          world.put(instance, "Running");
          return clock.now();
        }
        if (state !== "Stopped" && state !== "Suspended") throw wrong(instance, "start");
        return world.boot(instance);
      });
      await clock.sleep(up - clock.now());
    },
    stop: (name, { force }) =>
      change("stop", name, (instance) => {
        const { state } = instance;
        if (state === "Stopped") return;
        // CONTRACT section 9: a guest that is not up ignores it, and the daemon waits five minutes for nothing.
        if (!force && state === "Unknown" && !world.speaks(instance)) {
          world.occupy(300_000);
          throw failure("driver-failed", "The QEMU process did not finish", true);
        }
        if (!force && !["Running", "Delayed Shutdown", "Unknown"].includes(state))
          throw wrong(instance, "shut down");
        world.put(instance, "Stopped");
      }),
    suspend: (name) =>
      change("suspend", name, (instance) => {
        if (instance.state !== "Running") throw wrong(instance, "suspend");
        world.put(instance, "Suspended");
      }),
    recover: (name) =>
      change("recover", name, (instance) => {
        if (instance.state === "Deleted") world.put(instance, "Stopped");
      }),
    resize: (name, field, value) =>
      change("resize", name, (instance) => {
        stopped(instance);
        if (field === "disk" && value < instance.size.disk)
          throw failure("resize-refused", "Disk can only be expanded");
        instance.size = { ...instance.size, [field]: value } satisfies Size;
      }),
    snapshot: (name, snapshot, comment) =>
      change(
        "snapshot",
        name,
        (instance) => {
          stopped(instance);
          world.snapshot(instance, snapshot, comment, "fleet");
        },
        snapshot,
      ),
    removeSnapshot: (name, snapshot) =>
      change(
        "removeSnapshot",
        name,
        (instance) => {
          stopped(instance);
          instance.snapshots = instance.snapshots.filter((s) => s.name !== snapshot);
        },
        snapshot,
      ),
    restore: (name, snapshot) =>
      change(
        "restore",
        name,
        (instance) => {
          stopped(instance);
          world.restore(instance, snapshot);
        },
        snapshot,
      ),
    mount: (name, mount) =>
      change("mount", name, (instance) => {
        if (instance.mounts.some((m) => m.target === mount.target)) return;
        mountable(instance);
        instance.mounts = [...instance.mounts, mount];
      }),
    unmount: (name, target) =>
      change("unmount", name, (instance) => {
        instance.mounts = instance.mounts.filter((m) => m.target !== target);
      }),
    async remove(name) {
      try {
        await change("remove", name, () => world.erase(name));
      } catch (error) {
        if ((error as { code?: string }).code !== "instance-missing") throw error;
      }
    },
    async exec(name, _state, argv, signal) {
      const run = (found: SimulatedInstance) => {
        if (found.state !== "Running") throw wrong(found, "run anything in");
        return found;
      };
      if (!argv.includes("cat")) {
        const what = argv.includes("restart") ? "restart-runtime" : "run";
        return inside(world, await cancelled(change("exec", name, run, what), signal), argv);
      }
      const asked = ask("exec", name, CHANGE_DEADLINE, () => {
        const found = world.get(name);
        if (!found) throw failure("instance-missing", name);
        return run(found);
      });
      return inside(world, await cancelled(asked, signal), argv);
    },
  };
  return driver;
}
