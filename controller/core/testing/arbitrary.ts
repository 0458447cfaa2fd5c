/** Generated fleets, worlds and policies for the properties of the core. */
import fc from "fast-check";
import { desiredView, mountsOf } from "../diff/fields.ts";
import {
  type Claim,
  type ConvergedView,
  type Desired,
  type DesiredAgent,
  INSTANCE_STATES,
  type InstanceState,
  type MadeSnapshot,
  type Policy,
  type PowerState,
  type RuntimeReading,
} from "../types.ts";
import { MINUTE, NOW, agentOf, desiredOf, policyOf, runtimeOf, size, snapshotOf } from "./build.ts";
import type { ModelInstance, World } from "./world.ts";

export const NAMES = ["a", "b", "c", "d", "e", "f"] as const;

const MEMORY = ["512M", "1G", "1.5G", "4G", "4.04G", "4.26G", "8G"]
  .map(size)
  .concat(1_234_567_890, 1_073_741_825);
const DISK = ["5G", "20G", "20.03G", "20.26G", "40G"].map(size).concat(21_474_836_481);
const POWER: readonly PowerState[] = ["running", "stopped", "suspended"];

const sizeArb = fc.record({
  cpu: fc.constantFrom(1, 2, 4),
  memory: fc.constantFrom(...MEMORY),
  disk: fc.constantFrom(...DISK),
});

const mountsArb = fc.oneof(
  fc.constant([]),
  fc.subarray([
    { source: "/work", target: "/srv/work" },
    { source: "/data", target: "/srv/data" },
  ]),
  fc.constant([{ source: "/other", target: "/srv/work/" }]),
);
const wishArb = fc.option(
  fc
    .record({ snapshot: fc.constantFrom("clean", "nightly-1", "gone"), token: fc.constantFrom("t1", "t2") })
    .map(({ snapshot, token }) => ({ snapshot, token })),
  { nil: null, freq: 2 },
);
/** Snapshots beside the declared ones: of a schedule, of a removed document, and unowned. */
const SNAPSHOTS = ["clean", "later", "nightly-1", "nightly-2", "old", "theirs"] as const;

const agentArb = (name: string): fc.Arbitrary<DesiredAgent> =>
  fc
    .record({
      size: sizeArb,
      state: fc.constantFrom(...POWER),
      config: fc.constantFrom("c1", "c2"),
      provision: fc.constantFrom("p1", "p1", "p2"),
      onChange: fc.constantFrom("hold" as const, "rerun" as const, "replace" as const),
      image: fc.constantFrom(undefined, undefined, "24.04"),
      protect: fc.boolean(),
      paused: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      drift: fc.constantFrom("correct" as const, "correct" as const, "warn" as const, "ignore" as const),
      ignore: fc.subarray(["/cpu", "/memory", "/config", "/mounts"], { maxLength: 1 }),
      mounts: mountsArb,
      restore: wishArb,
      // Earlier names only, so that there is no cycle: the loader refuses one.
      dependsOn: fc.subarray(NAMES.filter((n) => n < name)).map((list) => list.slice(0, 2)),
    })
    .map(({ size: s, image, restore, ...short }) =>
      agentOf({
        ...(restore !== null && { restore }),
        name,
        cpu: s.cpu,
        memory: s.memory,
        disk: s.disk,
        ...(image !== undefined && { image }),
        ...short,
      }),
    );

const snapshotsArb = (name: string) =>
  fc
    .subarray(["clean", "later"])
    .chain((names) =>
      fc.tuple(
        ...names.map((s) =>
          fc
            .record({ whenRunning: fc.constantFrom("stop" as const, "wait" as const) })
            .map((more) => snapshotOf({ name: s, agent: name, ...more })),
        ),
        fc.option(
          fc
            .record({
              keep: fc.integer({ min: 1, max: 2 }),
              whenRunning: fc.constantFrom("stop" as const, "wait" as const),
            })
            .map((more) => snapshotOf({ name: "nightly", agent: name, schedule: "0 3 * * *", ...more })),
          { nil: null, freq: 2 },
        ),
      ),
    )
    .map((all) => all.filter((s) => s !== null));

export interface Scene {
  readonly desired: Desired;
  readonly world: World;
}

/** All that may be true of one name: written or not, there or not, claimed or not, in any combination that can come about. */
interface Entry {
  readonly agent: DesiredAgent | null;
  readonly snapshots: Desired["snapshots"];
  readonly instance: ModelInstance | null;
  readonly claim: Claim | null;
  readonly runtime: RuntimeReading | null;
  readonly vanished: boolean;
  readonly made: readonly MadeSnapshot[];
  readonly due: boolean;
}

function convergedArb(agent: DesiredAgent | null): fc.Arbitrary<ConvergedView | null> {
  const some = fc
    .record({ state: fc.constantFrom(...POWER), size: sizeArb, config: fc.constantFrom("c1", "c2") })
    .map(
      ({ state, size: s, config }): ConvergedView => ({ state, image: null, ...s, provision: "p1", config }),
    );
  return agent
    ? fc.oneof(fc.constant(null), some, fc.constant(desiredView(agent)), fc.constant(desiredView(agent)))
    : fc.oneof(fc.constant(null), some);
}

const entryArb = (name: string): fc.Arbitrary<Entry> =>
  fc.option(agentArb(name), { nil: null, freq: 4 }).chain((agent) =>
    fc
      .record({
        snapshots: agent ? snapshotsArb(name) : fc.constant([]),
        there: fc.integer({ min: 0, max: 3 }),
        asWritten: fc.boolean(),
        state: fc.constantFrom<InstanceState>("Running", "Running", "Stopped", ...INSTANCE_STATES),
        size: sizeArb,
        claimed: fc.integer({ min: 0, max: 3 }),
        phase: fc.constantFrom<Claim["phase"]>("launched", "launched", "launched", "launching", "removing"),
        converged: convergedArb(agent),
        mine: fc.integer({ min: 0, max: 3 }),
        fresh: fc.boolean(),
        protect: fc.boolean(),
        online: fc.boolean(),
        config: fc.constantFrom("c1", "c2", null),
        running: fc.integer({ min: 0, max: 2 }),
        vanished: fc.boolean(),
        mounts: mountsArb,
        taken: fc.subarray([...SNAPSHOTS]),
        ours: fc.subarray(SNAPSHOTS.filter((s) => s !== "theirs")),
        restoreToken: fc.constantFrom(null, "t1", "t2"),
        formerTokens: fc.subarray(["t1", "t2"]),
        restoring: wishArb,
        cut: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
        due: fc.boolean(),
      })
      .map((e): Entry => {
        const claimed = e.claimed > 0;
        // An instance that was launched or proven carries our nonce; for a launch that only began this is unknown.
        const mine = claimed && (e.phase !== "launching" || e.mine > 0);
        const at: Size3 = e.asWritten && agent ? agent.size : e.size;
        const claim: Claim = {
          name,
          nonce: `nonce-${name}`,
          phase: e.phase,
          claimedAt: NOW,
          bootAt: e.fresh ? NOW - MINUTE : NOW - 60 * MINUTE,
          image: e.converged?.image ?? null,
          provisionHash: e.cut ? "" : (e.converged?.provision ?? "p1"),
          runtimeHash: "r1",
          restoreToken: e.restoreToken,
          ...(e.formerTokens.length > 0 && { formerTokens: e.formerTokens }),
          ...(e.restoring !== null && { restoring: e.restoring }),
          document: name,
          converged: e.phase === "launching" ? null : e.converged,
          proven: e.phase !== "launching" && e.converged !== null,
          protect: e.protect,
        };
        const instance =
          e.there > 0
            ? {
                state: e.state,
                size: at,
                snapshots: e.taken.map((s) => ({
                  name: s,
                  comment: "",
                  size: e.size,
                  ...mountsOf(e.mounts),
                })),
                nonce: mine ? claim.nonce : "other",
                // Multipass keeps paths in their plain form.
                mounts: mountsOf(e.asWritten && agent ? agent.mounts : e.mounts).mounts ?? [],
              }
            : null;
        const runtime = runtimeOf(name, { configHash: e.config, runningTasks: e.running });
        return {
          agent,
          snapshots: e.snapshots,
          instance,
          claim: claimed ? claim : null,
          runtime: e.online && instance?.state === "Running" && mine ? runtime : null,
          vanished: e.vanished && !claimed && instance === null,
          due: e.due,
          made: claimed
            ? e.ours.map((s, i) => ({
                agent: name,
                name: s,
                of: s.startsWith("nightly") ? "nightly" : s,
                scheduled: s.startsWith("nightly"),
                at: NOW - i,
              }))
            : [],
        };
      }),
  );

type Size3 = { readonly cpu: number; readonly memory: number; readonly disk: number };

export const settingsArb = fc.record({
  prune: fc.boolean(),
  maxDeletes: fc.integer({ min: 0, max: 3 }),
  limits: fc.oneof(
    fc.constant({}),
    fc.constant({}),
    fc.constant({ cpu: 6 }),
    fc.constant({ memory: size("12G"), disk: size("60G") }),
  ),
});

const guardArb = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("empty" as const, "invalid" as const, "unreadable" as const)
      .map((reason) => ({ reason, message: `the fleet folder is ${reason}` })),
  },
);

export const sceneArb = (guards: typeof guardArb = guardArb): fc.Arbitrary<Scene> =>
  fc
    .record({
      entries: fc.tuple(...NAMES.map((name) => fc.option(entryArb(name), { nil: null, freq: 3 }))),
      settings: settingsArb,
      guard: guards,
    })
    .map(({ entries, settings, guard }) => {
      const present = entries.filter((e) => e !== null);
      const written = new Set(present.flatMap((e) => (e.agent ? [e.agent.name] : [])));
      const agents = present.flatMap((e) =>
        e.agent ? [{ ...e.agent, dependsOn: e.agent.dependsOn.filter((d) => written.has(d)) }] : [],
      );
      const byName = <T>(pick: (e: Entry) => T | null): Map<string, T> =>
        new Map(
          entries.flatMap((e, i) => {
            const value = e && pick(e);
            return value ? [[NAMES[i] as string, value] as const] : [];
          }),
        );
      return {
        desired: {
          ...desiredOf([], [], settings, guard),
          agents,
          snapshots: present.flatMap((e) => e.snapshots),
        },
        world: {
          now: NOW,
          instances: byName((e) => e.instance),
          claims: byName((e) => e.claim),
          runtimes: byName((e) => e.runtime),
          vanished: new Set(byName((e) => e.vanished || null).keys()),
          made: new Map(present.flatMap((e) => e.made.map((m) => [`${m.agent}/${m.name}`, m] as const))),
          due: present.flatMap((e) =>
            e.due && e.snapshots.some((s) => s.schedule !== undefined) && e.agent
              ? [{ agent: e.agent.name, of: "nightly", name: "nightly-3", at: NOW }]
              : [],
          ),
          restores: [],
          reruns: [],
        },
      };
    });

export const noGuard: typeof guardArb = fc.constant(undefined);

export const policyArb: fc.Arbitrary<Policy> = fc
  .record({
    actor: fc.constantFrom("loop" as const, "apply" as const),
    allowDelete: fc.subarray([...NAMES], { maxLength: 3 }),
    targets: fc.oneof(fc.constant([]), fc.constant([]), fc.subarray([...NAMES])),
  })
  .map(({ actor, ...names }) => policyOf(actor === "loop" ? { actor } : { actor, ...names }));

/** A copy that a test may change. */
export const copy = (world: World): World => ({
  now: world.now,
  instances: new Map(world.instances),
  claims: new Map(world.claims),
  runtimes: new Map(world.runtimes),
  vanished: new Set(world.vanished),
  made: new Map(world.made),
  due: world.due ?? [],
  restores: [...(world.restores ?? [])],
  reruns: [...(world.reruns ?? [])],
});
