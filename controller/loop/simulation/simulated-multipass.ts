/** A model of Multipass: instances, their states in time, a daemon that does one thing after the other, and people who use it too. */
import { VmAgentError } from "../../base/errors.ts";
import { findName } from "../../core/diff/image-name.ts";
import { printed } from "../../core/testing/world.ts";
import type { InstanceState, Mount, ObservedSnapshot, Size } from "../../core/types.ts";
import type { FakeClock } from "./fake-clock.ts";

/** Who brought an instance into being: it decides who may touch it. */
export type Maker = "fleet" | "stranger";

/** What a snapshot brings back, and who took it; absent: a test put it there. */
export interface SimulatedSnapshot extends ObservedSnapshot {
  readonly maker?: "fleet" | "person";
  readonly size?: Size;
  readonly mounts?: readonly Mount[];
  readonly disk?: number;
}

/** Mutable: the model's own record. */
export interface SimulatedInstance {
  readonly name: string;
  readonly maker: Maker;
  /** What lies in the guest; a clone carries the original's. */
  readonly nonce: string;
  state: InstanceState;
  /** What it becomes by itself, the nearest first. */
  coming: { readonly at: number; readonly state: InstanceState }[];
  size: Size;
  /** Title of the release that it was launched from. */
  readonly release: string;
  snapshots: readonly SimulatedSnapshot[];
  mounts: readonly Mount[];
  /** What is on the disk: another number after every boot, and after a restore that of the snapshot. */
  disk: number;
  /** When a person last removed a snapshot of it. */
  unsnapshotAt: number;
  /** Counts boots. */
  boot: number;
  /** When the runtime of this boot says hello; infinity: never. */
  helloAt: number;
  /** cloud-init died before it wrote anything: nothing of vm-agent is inside, and no runtime ever speaks. */
  empty: boolean;
}

export interface Timing {
  /** Milliseconds from power-on until ssh answers, the first time. */
  readonly firstBoot: () => number;
  readonly boot: () => number;
  /** Milliseconds during which a launch fetches its image, unlisted. */
  readonly prepare: () => number;
  /** Milliseconds from ssh to the end of cloud-init. */
  readonly cloudInit: () => number;
  /** Milliseconds from ssh to the runtime's hello. */
  readonly hello: () => number;
}

export const TIMING: Timing = {
  firstBoot: () => 20_000,
  boot: () => 8_000,
  prepare: () => 2_000,
  cloudInit: () => 5_000,
  hello: () => 3_000,
};

const UP: readonly InstanceState[] = ["Running", "Unknown", "Delayed Shutdown"];

export class SimulatedMultipass {
  readonly clock: FakeClock;
  readonly timing: Timing;
  /** Names whose launch fetches its image now. */
  readonly preparing = new Set<string>();
  /** What names of images stand for, as `find` says. */
  readonly releases = new Map([
    ["default", "24.04 LTS"],
    ["24.04", "24.04 LTS"],
    ["noble", "24.04 LTS"],
    ["22.04", "22.04 LTS"],
    ["26.04", "26.04 LTS"],
  ]);
  /** When a name was last seen to go. */
  readonly goneAt = new Map<string, number>();
  readonly onErase = new Set<(name: string) => void>();
  readonly onBoot = new Set<(instance: SimulatedInstance) => void>();
  readonly #instances = new Map<string, SimulatedInstance>();
  #busyUntil = 0;
  #disks = 0;

  constructor(clock: FakeClock, timing: Timing = TIMING) {
    this.clock = clock;
    this.timing = timing;
  }

  /** The daemon's one thread takes `ms` for this; returns the instant at which it is done. */
  occupy(ms: number): number {
    this.#busyUntil = Math.max(this.#busyUntil, this.clock.now()) + ms;
    return this.#busyUntil;
  }

  /** The daemon is not busy with anything. */
  get answers(): boolean {
    return this.#busyUntil <= this.clock.now();
  }

  get isIdle(): boolean {
    return this.answers && this.preparing.size === 0;
  }

  all(): readonly SimulatedInstance[] {
    return [...this.#instances.keys()].flatMap((name) => this.get(name) ?? []);
  }

  get(name: string): SimulatedInstance | undefined {
    const found = this.#instances.get(name);
    const now = this.clock.now();
    for (let next = found?.coming[0]; found && next && next.at <= now; next = found.coming[0]) {
      found.state = next.state;
      found.coming.shift();
    }
    return found;
  }

  /** True while the program in the guest runs and has come up in this boot. */
  speaks(instance: SimulatedInstance): boolean {
    return UP.includes(instance.state) && this.clock.now() >= instance.helloAt;
  }

  /** Title of the release that an image of this name has. */
  releaseOf(image: string | null): string {
    return this.releases.get(findName(image)) ?? image ?? "";
  }

  add(
    parts: Pick<SimulatedInstance, "name" | "maker" | "nonce" | "size"> &
      Partial<Pick<SimulatedInstance, "state" | "release">>,
  ): SimulatedInstance {
    if (this.get(parts.name)) throw new Error(`${parts.name} is there already`);
    const instance: SimulatedInstance = {
      state: "Stopped",
      release: this.releaseOf(null),
      coming: [],
      snapshots: [],
      mounts: [],
      disk: ++this.#disks,
      unsnapshotAt: Number.NEGATIVE_INFINITY,
      boot: 0,
      helloAt: Number.POSITIVE_INFINITY,
      empty: false,
      ...parts,
    };
    this.#instances.set(parts.name, instance);
    return instance;
  }

  /** Power on: Starting, at the first boot Unknown (CONTRACT section 5), then Running. Returns when ssh answers. */
  boot(instance: SimulatedInstance, first = false): number {
    const now = this.clock.now();
    const up = now + (first ? this.timing.firstBoot() : this.timing.boot());
    instance.state = "Starting";
    instance.coming = [
      ...(first ? [{ at: now + 1000, state: "Unknown" as const }] : []),
      { at: up, state: "Running" },
    ];
    instance.boot++;
    instance.disk = ++this.#disks;
    instance.helloAt = instance.empty ? Number.POSITIVE_INFINITY : up + this.timing.hello();
    for (const listener of this.onBoot) listener(instance);
    return up;
  }

  /** Into a state that lasts; the guest does not run in it, unless it is one of those in which it does. */
  put(instance: SimulatedInstance, state: InstanceState): void {
    instance.state = state;
    instance.coming = [];
    if (!UP.includes(state)) instance.helloAt = Number.POSITIVE_INFINITY;
  }

  /** Multipass has given up looking; the guest goes on, and its runtime may still come up. */
  putUnknown(instance: SimulatedInstance): void {
    instance.state = "Unknown";
    instance.coming = [];
  }

  snapshot(instance: SimulatedInstance, name: string, comment: string, maker: "fleet" | "person"): void {
    const { size, mounts, disk, snapshots } = instance;
    if (snapshots.some((s) => s.name === name)) return;
    instance.snapshots = [...snapshots, { name, parent: "", comment, maker, size, mounts, disk }];
  }

  /** `restore --destructive` (CONTRACT section 10): disk, size and mounts are those of the snapshot. */
  restore(instance: SimulatedInstance, name: string): void {
    const back = instance.snapshots.find((s) => s.name === name);
    if (!back) throw failure("snapshot-missing", `No such snapshot: ${instance.name}.${name}`);
    instance.disk = back.disk ?? instance.disk;
    instance.size = back.size ?? instance.size;
    instance.mounts = back.mounts ?? instance.mounts;
  }

  erase(name: string): void {
    if (!this.#instances.delete(name)) return;
    this.goneAt.set(name, this.clock.now());
    for (const listener of this.onErase) listener(name);
  }

  /** As `get` prints it. */
  shownSize({ cpu, memory, disk }: Size): Size {
    return { cpu, memory: printed(memory), disk: printed(disk) };
  }
}

/** A failure as the driver tells it. */
export const failure = (code: string, message: string, transient = false): VmAgentError =>
  new VmAgentError({ code, message, next: "look at the model", transient });
