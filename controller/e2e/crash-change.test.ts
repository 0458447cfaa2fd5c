/** `kill -9` of `vm-agent up` after every step of resizing, replacing, taking a snapshot, restoring and destroying: a restart ends where the first would have. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FleetView } from "../../ui/client/types.ts";
import { BUILDER, settings } from "./fleets.ts";
import { createFixture, type Fixture, until } from "./harness.ts";

const NAME = "agent-builder";
const REPLACEABLE = (content: string) =>
  `${BUILDER}provision:\n  files: [{path: /home/ubuntu/mark, content: "${content}"}]\n  onChange: replace\n`;
const SNAPSHOT = (name: string) => `kind: Snapshot\nname: ${name}\nagent: ${NAME}\n`;
/** With it, after every step; without, after those that leave the most behind. */
const EVERY = process.env.VM_AGENT_TEST_EVERY_STEP !== undefined;
const after = (most: readonly string[], rest: readonly string[]): readonly string[] =>
  EVERY ? [...most, ...rest] : most;

interface Operation {
  readonly name: string;
  /** After which steps the controller is killed, one life each. */
  readonly steps: readonly string[];
  /** The fleet's files before and after the edit of round `n`. */
  readonly before: (n: number) => Readonly<Record<string, string | null>>;
  readonly after: (n: number) => Readonly<Record<string, string | null>>;
  readonly check: (fixture: Fixture, n: number) => Promise<void>;
}

const snapshotsOf = async (fixture: Fixture): Promise<readonly string[]> => {
  const { stdout } = await fixture.multipass("list", "--snapshots", "--format", "json");
  const { info } = JSON.parse(stdout) as { info: Readonly<Record<string, object>> };
  return Object.keys(info[NAME] ?? {}).sort();
};
const inside = async (fixture: Fixture, ...command: readonly string[]): Promise<string> =>
  (await fixture.multipass("exec", NAME, "--", ...command)).stdout;

const OPERATIONS: readonly Operation[] = [
  {
    name: "resize",
    steps: after(["stop", "resize", "start"], ["drain", "await-ready", "converged"]),
    before: (n) => ({ "builder.yaml": BUILDER.replace("cpu: 1", `cpu: ${1 + (n % 2)}`) }),
    after: (n) => ({ "builder.yaml": BUILDER.replace("cpu: 1", `cpu: ${2 - (n % 2)}`) }),
    check: async (fixture, n) => {
      const { stdout } = await fixture.multipass("get", `local.${NAME}.cpus`);
      assert.equal(stdout.trim(), String(2 - (n % 2)));
    },
  },
  {
    name: "replace",
    steps: after(["revoke", "remove", "forget", "launch"], ["drain", "claim", "await-ready", "converged"]),
    before: (n) => ({ "builder.yaml": REPLACEABLE(`before ${n}`) }),
    after: (n) => ({ "builder.yaml": REPLACEABLE(`after ${n}`) }),
    check: async (fixture, n) =>
      assert.equal(await inside(fixture, "cat", "/home/ubuntu/mark"), `after ${n}`),
  },
  {
    name: "snapshot",
    steps: after(["stop", "snapshot"], ["drain", "start", "await-ready", "converged"]),
    before: () => ({ "builder.yaml": BUILDER }),
    after: (n) => ({
      "snapshots.yaml": Array.from({ length: n + 1 }, (_, i) => SNAPSHOT(`s${i}`)).join("---\n"),
    }),
    check: async (fixture, n) =>
      assert.deepEqual(await snapshotsOf(fixture), Array.from({ length: n + 1 }, (_, i) => `s${i}`).sort()),
  },
  {
    name: "destroy",
    steps: after(["revoke", "remove"], ["drain", "forget"]),
    before: () => ({ "builder.yaml": BUILDER }),
    after: () => ({ "builder.yaml": null }),
    check: async (fixture) => assert.equal((await fixture.states())[NAME], undefined),
  },
  {
    name: "restore",
    steps: after(["stop", "snapshot", "restore", "start"], ["drain", "await-ready"]),
    before: () => ({ "builder.yaml": BUILDER, "snapshots.yaml": SNAPSHOT("clean") }),
    after: (n) => ({ "builder.yaml": `${BUILDER}restore: {snapshot: clean, token: "t${n}"}\n` }),
    check: async (fixture, n) => {
      // A crash right after the safety snapshot may leave a second one of the same disk; none is ever missing.
      const all = await snapshotsOf(fixture);
      for (let i = 0; i <= n; i++)
        assert.ok(all.includes(`before-t${i}`), `before-t${i} of ${all.join(", ")}`);
    },
  },
];

describe("kill -9 in the middle of a change", { concurrency: 2 }, () => {
  for (const operation of OPERATIONS) {
    it(operation.name, { timeout: 300_000 }, async () => {
      const fixture = await createFixture({
        "keeper.yaml": BUILDER.replace(NAME, "agent-keeper"),
        "fleet.yaml": settings("prune: true\n"),
      });
      try {
        for (const [n, step] of operation.steps.entries()) {
          await write(fixture, operation.before(n));
          await converge(fixture);
          await write(fixture, operation.after(n));
          await killedAfter(fixture, step);
          await converge(fixture);
          await operation.check(fixture, n);
          const others = Object.entries(await fixture.states()).filter(([name]) => name !== NAME);
          assert.deepEqual(others, [["agent-keeper", "Running"]], "nothing else was touched or left over");
        }
      } finally {
        await fixture.close();
      }
    });
  }
});

/** A life of the controller that ends by kill -9 right after this step. */
async function killedAfter(fixture: Fixture, step: string): Promise<void> {
  const child = fixture.spawnUp({ VM_AGENT_TEST_BOUNDARY: `${NAME}:${step}:after` });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (d: Buffer) => (printed += d.toString()));
  await until(`killed after ${step}`, () => child.signalCode ?? child.exitCode, 60_000).catch(
    (error: unknown) => {
      child.kill("SIGKILL");
      throw new Error(`${(error as Error).message}\n${printed}`);
    },
  );
  assert.equal(child.signalCode, "SIGKILL", `killed after ${step}\n${printed}`);
}

async function write(fixture: Fixture, files: Readonly<Record<string, string | null>>): Promise<void> {
  for (const [file, content] of Object.entries(files)) {
    await (content === null ? fixture.remove(file) : fixture.write(file, content));
  }
}

/** A life of the controller that is not disturbed, until the fleet is as written and a plan says so. */
async function converge(fixture: Fixture): Promise<void> {
  const up = await fixture.up();
  try {
    await until(
      "the fleet is as written",
      async () => {
        const { agents, settled } = await up.api.get<FleetView>("/fleet");
        return settled && agents.every((a) => a.sync === "Synced" && a.health === "Healthy" && !a.work);
      },
      90_000,
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${up.output()}`);
    });
    const plan = await fixture.cli("plan", "--detailed-exitcode");
    assert.equal(plan.code, 0, plan.stdout + plan.stderr);
  } finally {
    await up.end();
  }
}
