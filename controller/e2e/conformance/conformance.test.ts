/**
 * The driver's contract and the main job, against the sandbox, and with MULTIPASS_REAL=1 against a real Multipass
 * (`npm run test:multipass`): only instances of its own prefix are made, and all are removed. Others may come and go meanwhile.
 */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { createBus } from "../../base/events.ts";
import { DRIVER_CONTRACT, type World } from "../../drivers/testing/contract.ts";
import { createMultipassDriver } from "../../drivers/multipass/multipass.ts";
import { DEADLINES } from "../../drivers/multipass/call.ts";
import { settings } from "../support/fleets.ts";
import { createFixture, type Fixture, type Up, until as harnessUntil } from "../support/harness.ts";
import { createCall, listed, removeAll } from "./call.ts";
import { report } from "./report.ts";
import { MADE_BY_US, readTarget } from "./target.ts";

const target = readTarget();
const { real, prefix, bootMs } = target;
const call = createCall(target);
const CONTRACT_NAME = `${prefix}-contract`;
const [A, B, C] = ["a", "b", "c"].map((letter) => `${prefix}-${letter}`) as [string, string, string];
const AGENTS = [A, B, C] as const;
const OURS = [CONTRACT_NAME, ...AGENTS] as const;

const started = Date.now();
/** A real Multipass is slow, so progress is printed. The sandbox is quick, and quiet until something fails. */
const say = (text: string): void => {
  process.stdout.write(`[${((Date.now() - started) / 1000).toFixed(1).padStart(7)} s] ${text}\n`);
};
const tell = real ? say : () => {};

/** Of the names that this suite makes, those that are listed. */
const madeNow = async () => Object.keys(await listed(call)).filter((name) => OURS.includes(name));
let fixture: Fixture | null = null;
let up: Up | null = null;
let failed = false;

/** Long enough for an image that is fetched already to become an instance that is listed. */
const QUIET_MS = real ? 60_000 : 1_000;
const byHand = (names: readonly string[]): string => `multipass delete --purge ${names.join(" ")}`;

let interrupting = false;
const interrupted = (signal: NodeJS.Signals) => {
  if (interrupting) {
    say(`${signal} again: left as it is; to remove what there is: ${byHand(OURS)}`);
    process.exit(130);
  }
  interrupting = true;
  say(`${signal}: removing ${OURS.join(" ")}, for ${QUIET_MS / 1000} s after the last; once more: at once`);
  up?.process.kill("SIGKILL");
  void removeAll(call, OURS, QUIET_MS).then((left) => {
    if (left === null || left.length > 0) say(`not all could be removed: ${byHand(left ?? OURS)}`);
    rmSync(target.folder, { recursive: true, force: true });
    process.exit(130);
  });
};
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** As the harness's own, but it leaves the daemon its time, and tells a person what it waits for. */
async function until<T>(what: string, check: () => Promise<T> | T, ms: number): Promise<NonNullable<T>> {
  const began = Date.now();
  const minutes = (span: number) => (span / 60_000).toFixed(1);
  const timer = setInterval(
    () => tell(`  … ${what}: waited ${minutes(Date.now() - began)} of at most ${minutes(ms)} min`),
    60_000,
  );
  try {
    return await harnessUntil(what, check, ms, target.lookEvery);
  } finally {
    clearInterval(timer);
  }
}

/** Scenarios rely on those before them: after one that failed, the rest is skipped. */
async function scenario(t: TestContext, names: readonly string[], work: () => Promise<void>): Promise<void> {
  if (failed) return t.skip("an earlier one failed");
  tell(`${t.name} …`);
  const begun = Date.now();
  try {
    await work();
    tell(`${t.name}: done after ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  } catch (error) {
    failed = true;
    say(`${t.name}: FAILED after ${((Date.now() - begun) / 1000).toFixed(1)} s: ${(error as Error).message}`);
    await report({ call, say, names, fixture, up });
    throw error;
  }
}

before(async () => {
  // The test runner's own way with signals is to end at once.
  for (const signal of SIGNALS) process.removeAllListeners(signal).on(signal, interrupted);
  // Whoever looks on may go: it is no reason to end without removing.
  process.stdout.on("error", () => {});
  if (!real) say("MULTIPASS_REAL=1 is not set: the sandbox stands in for Multipass");
  tell(
    `${target.executable.file}; image ${target.image ?? "Multipass's own default"}; ${bootMs / 60_000} min a boot`,
  );
  tell((await call(["version"])).stdout.trim().replaceAll(/\s+/g, " "));
  tell(`makes only ${OURS.join(", ")}; if this is killed: ${byHand(OURS)}`);
  await removeEarlier();
  tell(`before: ${JSON.stringify(await listed(call))}`);
});

/** Made at the first boot. The machine-id is no proof: QEMU is given a UUID that is made of the instance's name. */
async function hostKey(name: string): Promise<string> {
  const { stdout } = await call(["exec", name, "--", "cat", "/etc/ssh/ssh_host_ed25519_key.pub"]);
  assert.match(stdout, /^ssh-ed25519 /);
  return stdout;
}

/** Leftovers of killed runs: listed, and removed only on request, because another run may be in progress. */
async function removeEarlier(): Promise<void> {
  const left = Object.keys(await listed(call)).filter((name) => MADE_BY_US.test(name));
  const parent = dirname(target.folder);
  const folders = readdirSync(parent).filter(
    (name) => real && /^vm-agent-conformance-\w{6}$/.test(name) && join(parent, name) !== target.folder,
  );
  if (left.length + folders.length === 0) return;
  if (!target.clean) {
    if (left.length > 0) say(`left by an earlier run, and not touched: ${byHand(left)}`);
    if (folders.length > 0) say(`left by an earlier run, and not touched: ${folders.join(" ")} in ${parent}`);
    return say("VM_AGENT_TEST_CLEAN=1 removes that first, if no other run is under way");
  }
  say(`VM_AGENT_TEST_CLEAN: removing ${[...left, ...folders].join(" ")}`);
  for (const name of left) await call(["delete", "--purge", name]);
  for (const name of folders) rmSync(join(parent, name), { recursive: true, force: true });
}

after(async () => {
  if (up) {
    // It lets running steps end, and a daemon that is wedged may keep them from that.
    const late = setTimeout(() => up?.process.kill("SIGKILL"), 2 * bootMs);
    await up.end();
    clearTimeout(late);
  }
  const left = await removeAll(call, OURS, failed ? QUIET_MS : 0).catch(() => null);
  await fixture?.close().catch((error: Error) => say(`the suite's folder: ${error.message}`));
  const still = (left ?? OURS).length > 0 ? await removeAll(call, OURS, 2 * QUIET_MS) : [];
  if (still === null || still.length > 0) say(`not all could be removed: ${byHand(still ?? OURS)}`);
  const made = await madeNow();
  tell(`after: ${JSON.stringify(await listed(call))}`);
  for (const signal of SIGNALS) process.off(signal, interrupted);
  rmSync(target.folder, { recursive: true, force: true });
  assert.deepEqual(made, [], "not all that was made is removed");
});

it("against a real Multipass", {
  skip: real ? false : "MULTIPASS_REAL=1 is not set: the sandbox stands in",
}, async () => {
  assert.notEqual((await call(["version"])).exitCode, null);
});

describe("the driver's contract", () => {
  const seconds = Math.ceil(bootMs / 1000);
  const change = Math.max(DEADLINES.change, bootMs + 30_000);
  const world: World = {
    driver: createMultipassDriver({
      executable: target.executable,
      bus: createBus(Date.now),
      deadlines: { ...DEADLINES, look: real ? change : DEADLINES.look, change },
    }),
    name: CONTRACT_NAME,
    userData: "#cloud-config\n{}\n",
    launchSeconds: seconds,
    folder: target.folder,
    ...(target.image !== undefined && { image: target.image }),
  };
  for (const { behaviour, check } of DRIVER_CONTRACT)
    it(behaviour, (t) => scenario(t as TestContext, [CONTRACT_NAME], () => check(world)));
});

describe("a fleet of three", () => {
  const document = (name: string, more = "", memory = target.memory, cpu = 1) => `kind: Agent
name: ${name}
type: builder
${target.image === undefined ? "" : `image: ${JSON.stringify(target.image)}\n`}cpu: ${cpu}
memory: ${memory}
disk: ${target.disk}
${more}`;
  const file = (name: string) => `${name}.yaml`;
  const world = () => {
    assert.ok(fixture !== null && up !== null);
    return { fixture, up };
  };
  const fleet = () => world().up.api.get<FleetView>("/fleet");
  const state = async (name: string) => (await listed(call))[name];
  /** All are Running, provisioned, connected and in sync. */
  const asWritten = (names: readonly string[], boots: number) =>
    until(
      `${names.join(", ")} in sync`,
      async () => {
        const { agents } = await fleet();
        return names.every((name) => {
          const agent = agents.find((one) => one.name === name);
          return agent?.sync === "Synced" && agent.health === "Healthy" && !agent.work;
        });
      },
      // Launch and readiness are waited for one after the other.
      boots * 2 * bootMs,
    );
  const inside = async (name: string, line: string) => {
    const { code, stdout, stderr } = await world().fixture.cli("exec", name, "--", "sh", "-c", line);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  const snapshots = async (name: string): Promise<readonly string[]> => {
    const { stdout } = await call(["list", "--snapshots", "--format", "json"]);
    const { info } = JSON.parse(stdout) as { info: Record<string, Record<string, unknown>> };
    return Object.keys(info[name] ?? {}).sort();
  };

  it("three are created, come up and are heard", (t) =>
    scenario(t as TestContext, AGENTS, async () => {
      const files = Object.fromEntries(AGENTS.map((name) => [file(name), document(name)]));
      fixture = await createFixture(
        { ...files, "fleet.yaml": settings() },
        {
          parent: target.folder,
          env: target.env,
          owns: (name) => AGENTS.some((one) => one === name),
          upWithin: Math.max(20_000, bootMs),
        },
      );
      up = await fixture.up();
      for (const stream of [up.process.stdout, up.process.stderr])
        stream?.on("data", (text: Buffer) => {
          for (const line of text.toString().trimEnd().split("\n")) tell(`  ${line}`);
        });
      // Two at a time.
      await asWritten(AGENTS, 2);
      for (const name of AGENTS) assert.equal(await state(name), "Running");
      const { code, stdout, stderr } = await fixture.cli("plan", "--detailed-exitcode");
      assert.equal(code, 0, stdout + stderr);
    }));

  it("tasks run in each: output, exit code, the instance's own name", (t) =>
    scenario(t as TestContext, AGENTS, async () => {
      const task = '{"type":"exec","command":"echo hello; echo oops >&2; exit 3"}';
      const { code, stdout, stderr } = await world().fixture.cli("task", A, task);
      assert.deepEqual([code, stdout, stderr], [3, "hello\n", "oops\n"]);
      for (const name of AGENTS)
        assert.equal(await inside(name, "cat /var/lib/cloud/data/instance-id"), name);
    }));

  it("drift heals: what was stopped by hand is started, what was deleted by hand is recreated", (t) =>
    scenario(t as TestContext, [B, C], async () => {
      const wasLaunched = real ? await hostKey(C) : "";
      assert.equal((await call(["stop", B])).exitCode, 0);
      assert.equal((await call(["delete", "--purge", C])).exitCode, 0);
      await until(`${C} is recreated`, async () => (await state(C)) !== undefined, 2 * bootMs);
      await asWritten(AGENTS, 2);
      assert.deepEqual([await state(B), await state(C)], ["Running", "Running"]);
      if (real) assert.notEqual(await hostKey(C), wasLaunched);
      assert.equal(await inside(B, "echo well"), "well");
    }));

  it("a resize stops it, changes it and starts it", (t) =>
    scenario(t as TestContext, [A], async () => {
      await world().fixture.write(file(A), document(A, "", "1536M", 2));
      const cpus = async () => (await call(["get", `local.${A}.cpus`])).stdout.trim();
      await until("it has two", async () => (await cpus()) === "2", 2 * bootMs);
      await asWritten([A], 1);
      assert.match((await call(["get", `local.${A}.memory`])).stdout, /^(1536|1\.5GiB)/);
      assert.equal(await inside(A, "echo well"), "well");
    }));

  it("a snapshot, and a restore to it by its token", (t) =>
    scenario(t as TestContext, [B], async () => {
      await inside(B, "echo before > ~/notes; sync");
      await world().fixture.write(
        "clean.yaml",
        `kind: Snapshot\nname: clean\nagent: ${B}\ncomment: as it began\n`,
      );
      await until("it is taken", async () => (await snapshots(B)).includes("clean"), 2 * bootMs);
      await asWritten([B], 1);
      await inside(B, "echo after > ~/notes; sync");
      await world().fixture.write(file(B), document(B, 'restore: {snapshot: clean, token: "once"}\n'));
      await until("its present state is kept too", async () => (await snapshots(B)).length === 2, 2 * bootMs);
      await until(
        "the disk is as it was",
        async () => (await inside(B, "cat ~/notes")) === "before",
        2 * bootMs,
      );
      await asWritten([B], 1);
    }));

  it("destroyed by name, all three", (t) =>
    scenario(t as TestContext, AGENTS, async () => {
      for (const name of AGENTS) await world().fixture.remove(file(name));
      await world().fixture.remove("clean.yaml");
      const allowed = AGENTS.flatMap((name) => ["--allow-delete", name]);
      const { code, stdout, stderr } = await world().fixture.cli("apply", "--yes", ...allowed);
      assert.equal(code, 0, stdout + stderr);
      assert.deepEqual(await madeNow(), []);
    }));
});
