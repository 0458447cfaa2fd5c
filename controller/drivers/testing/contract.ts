/** What every Driver does, as a table: one instance's life, row after row, each row true of a sandbox and of a real Multipass. */
import assert from "node:assert/strict";
import { toVmAgentError } from "../../base/errors.ts";
import type { InstanceState, ObservedInstance, Size } from "../../core/types.ts";
import type { Driver } from "../driver.ts";

/** What the table is run against. Nothing but instances called `name` and `${name}-x` is touched. */
export interface World {
  readonly driver: Driver;
  /** A name that no instance has. */
  readonly name: string;
  readonly userData: string;
  /** What is launched; absent: Multipass's own default. */
  readonly image?: string;
  readonly launchSeconds: number;
  /** A folder of the host, for mounts; null: do not try mounts. */
  readonly folder: string | null;
}

export interface Row {
  readonly behaviour: string;
  check(world: World): Promise<void>;
}

const MIB = 1024 ** 2;
const SMALL: Size = { cpu: 1, memory: 512 * MIB, disk: 5 * 1024 * MIB };

async function rows(driver: Driver): Promise<readonly ObservedInstance[]> {
  const seen = await driver.list();
  assert.ok(seen.kind === "seen", seen.kind === "unobservable" ? seen.reason : "");
  return seen.instances;
}

async function stateOf({ driver, name }: Pick<World, "driver" | "name">): Promise<InstanceState | "absent"> {
  return (await rows(driver)).find((instance) => instance.name === name)?.state ?? "absent";
}

async function rejects(action: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  const error = await action.then(
    () => assert.fail(`it succeeded; expected ${codes.join(" or ")}`),
    (thrown: unknown) => toVmAgentError(thrown),
  );
  assert.ok(codes.includes(error.code), `${error.code}: ${error.message}; expected ${codes.join(" or ")}`);
  assert.ok(error.next.length > 0, "an error without a next step");
}

const spec = ({ name, image, launchSeconds }: World, size: Size = SMALL) => ({
  name,
  size,
  timeoutSeconds: launchSeconds,
  ...(image !== undefined && { image }),
});

/** In order: a row may rely on the rows before it. */
export const DRIVER_CONTRACT: readonly Row[] = [
  {
    behaviour: "it says what it is, and that its daemon answers",
    async check({ driver }) {
      const info = await driver.info();
      assert.equal(info.daemonAnswers, true);
      assert.equal(info.name, info.sandbox ? "sandbox" : "multipass");
      assert.match(info.version, /^\d/);
    },
  },
  {
    behaviour: "the list is sorted by name, whatever order the daemon gives",
    async check({ driver, name }) {
      const names = (await rows(driver)).map((instance) => instance.name);
      assert.deepEqual(names, [...names].sort());
      assert.ok(!names.includes(name), `${name} exists already`);
    },
  },
  {
    behaviour: "of what is not there: removing succeeds, everything else says instance-missing",
    async check({ driver, name }) {
      await driver.remove(name);
      await driver.removeSnapshot(name, "s1");
      const missing = [
        () => driver.start(name),
        () => driver.stop(name, { force: false }),
        () => driver.stop(name, { force: true }),
        () => driver.suspend(name),
        () => driver.recover(name),
        () => driver.resize(name, "cpu", 2),
        () => driver.size(name),
        () => driver.snapshot(name, "s1", ""),
        () => driver.restore(name, "s1"),
      ];
      for (const action of missing) await rejects(action(), "instance-missing");
    },
  },
  {
    behaviour: "a launch of an unknown image is refused and leaves nothing behind",
    async check(world) {
      const image = "no-such-image-as-this";
      // Without a network the daemon cannot tell whether there is one.
      const codes = ["image-unknown", "launch-refused"];
      await rejects(world.driver.launch({ ...spec(world), image }, world.userData), ...codes);
      assert.equal(await stateOf(world), "absent");
    },
  },
  {
    behaviour: "a launch too small is refused and leaves nothing behind",
    async check(world) {
      const size = { ...SMALL, memory: 64 * MIB };
      await rejects(world.driver.launch(spec(world, size), world.userData), "launch-refused");
      assert.equal(await stateOf(world), "absent");
    },
  },
  {
    behaviour: "a launch ends Running, of the size asked for, and tells its progress",
    async check(world) {
      const heard: string[] = [];
      await world.driver.launch(spec(world), world.userData, (text) => heard.push(text));
      assert.equal(await stateOf(world), "Running");
      assert.deepEqual(await world.driver.size(world.name), world.driver.shownSize?.(SMALL) ?? SMALL);
      assert.ok(
        heard.some((text) => text.includes(world.name)),
        heard.join("\n"),
      );
    },
  },
  {
    behaviour: "a second launch of the name says instance-exists and changes nothing",
    async check(world) {
      await rejects(
        world.driver.launch(spec(world, { ...SMALL, cpu: 2 }), world.userData),
        "instance-exists",
      );
      assert.equal(await stateOf(world), "Running");
      assert.equal((await world.driver.size(world.name)).cpu, SMALL.cpu);
    },
  },
  {
    behaviour: "starting what runs and recovering what is not deleted change nothing",
    async check(world) {
      await world.driver.start(world.name);
      await world.driver.recover(world.name);
      assert.equal(await stateOf(world), "Running");
    },
  },
  {
    behaviour: "a command in the guest: exact words, both streams, its own exit code",
    async check({ driver, name }) {
      const odd = ["a b", "$(id)", "'", '"', "*", "ü"];
      const echoed = await driver.exec(name, "Running", ["printf", "%s|", ...odd]);
      assert.deepEqual([echoed.exitCode, echoed.stdout], [0, odd.map((word) => `${word}|`).join("")]);
      const failed = await driver.exec(name, "Running", ["sh", "-c", "printf o; printf e >&2; exit 5"]);
      assert.deepEqual({ ...failed, stderr: "" }, { exitCode: 5, stdout: "o", stderr: "" });
      // The daemon's log lines, also of what others ask of it, may stand before it.
      assert.match(failed.stderr, /(?:^|\n)e$/);
      assert.equal((await driver.exec(name, "Running", ["no-such-command"])).exitCode, 127);
    },
  },
  {
    behaviour: "the guest has its instance's name, also in cloud-init's own record",
    async check({ driver, name }) {
      const { stdout } = await driver.exec(name, "Running", ["cat", "/var/lib/cloud/data/instance-id"]);
      assert.equal(stdout.trim(), name);
    },
  },
  {
    behaviour: "what needs a stopped instance is refused while it runs",
    async check({ driver, name }) {
      await rejects(driver.snapshot(name, "s1", ""), "not-stopped");
      await rejects(driver.resize(name, "cpu", 2), "not-stopped");
    },
  },
  {
    behaviour: "suspended and started again; a suspended one is not stopped without force",
    async check(world) {
      if (!world.driver.can.suspend) return;
      await world.driver.suspend(world.name);
      assert.equal(await stateOf(world), "Suspended");
      await rejects(world.driver.stop(world.name, { force: false }), "wrong-state");
      await rejects(world.driver.snapshot(world.name, "s1", ""), "not-stopped");
      await rejects(world.driver.exec(world.name, "Suspended", ["true"]), "not-running");
      await world.driver.start(world.name);
      assert.equal(await stateOf(world), "Running");
    },
  },
  {
    behaviour: "stopped, and stopping again changes nothing; a stopped one cannot be suspended",
    async check(world) {
      await world.driver.stop(world.name, { force: false });
      assert.equal(await stateOf(world), "Stopped");
      await world.driver.stop(world.name, { force: false });
      await world.driver.stop(world.name, { force: true });
      await rejects(world.driver.suspend(world.name), "wrong-state");
      assert.equal(await stateOf(world), "Stopped");
    },
  },
  {
    behaviour: "a snapshot is taken once, and listed with parent and comment",
    async check({ driver, name }) {
      const comment = `it's "odd"; $(x)`;
      await driver.snapshot(name, "s1", comment);
      await driver.snapshot(name, "s1", comment);
      await driver.snapshot(name, "s2", "");
      assert.deepEqual((await driver.snapshots()).get(name), [
        { name: "s1", parent: "", comment },
        { name: "s2", parent: "s1", comment: "" },
      ]);
    },
  },
  {
    behaviour: "a stopped instance is resized; a disk only grows",
    async check({ driver, name }) {
      await driver.resize(name, "cpu", 2);
      await driver.resize(name, "memory", 640 * MIB);
      await driver.resize(name, "disk", 6 * 1024 * MIB);
      assert.deepEqual(await driver.size(name), { cpu: 2, memory: 640 * MIB, disk: 6 * 1024 * MIB });
      await rejects(driver.resize(name, "disk", 5 * 1024 * MIB), "resize-refused");
    },
  },
  {
    behaviour: "a restore brings the size back; what is missing is said",
    async check({ driver, name }) {
      await rejects(driver.restore(name, "s9"), "snapshot-missing");
      await driver.restore(name, "s1");
      assert.deepEqual(await driver.size(name), SMALL);
    },
  },
  {
    behaviour: "a snapshot is removed once and for all; its children get its parent",
    async check({ driver, name }) {
      await driver.removeSnapshot(name, "s1");
      await driver.removeSnapshot(name, "s1");
      assert.deepEqual((await driver.snapshots()).get(name), [{ name: "s2", parent: "", comment: "" }]);
    },
  },
  {
    behaviour: "a mount of a stopped instance is recorded once and taken away once",
    async check({ driver, name, folder }) {
      if (!driver.can.mounts || folder === null) return;
      const mount = { source: folder, target: "/mnt/contract" };
      await driver.mount(name, mount);
      await driver.mount(name, mount);
      if (driver.mounts) assert.deepEqual(await driver.mounts(name), [mount]);
      await driver.unmount(name, mount.target);
      await driver.unmount(name, mount.target);
      if (driver.mounts) assert.deepEqual(await driver.mounts(name), []);
    },
  },
  {
    behaviour: "removed at once, from any state, with its snapshots; removing again succeeds",
    async check(world) {
      await world.driver.start(world.name);
      await world.driver.remove(world.name);
      assert.equal(await stateOf(world), "absent");
      assert.equal((await world.driver.snapshots()).get(world.name), undefined);
      await world.driver.remove(world.name);
    },
  },
];
