/**
 * `kill -9` of `vm-agent up` at every step boundary of creating, resizing, taking a snapshot, restoring, replacing and
 * destroying: the next life ends where this one would have, and nothing is doubled, left over or lost.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { FleetView, PlanView } from "../../../ui/client/types.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { createFixture, type Fixture, type Up, until } from "../support/harness.ts";
import { runtimesOf } from "../support/runtimes-of.ts";

const NAME = "agent-builder";
const KEEPER = "agent-keeper";
/** With it, both before and after every step; without, before the first and after each: the world differs between no others. */
const EVERY_EDGE = process.env.VM_AGENT_TEST_EVERY_STEP !== undefined;
/** Worlds at once, each with every so manieth boundary. */
const WORLDS = 3;

/** In the order in which a cycle does them: each begins where the one before ends. */
const STEPS = {
  create: ["claim", "launch", "await-ready", "converged"],
  resize: ["drain", "stop", "resize", "start", "await-ready", "converged"],
  snapshot: ["drain", "stop", "snapshot", "start", "await-ready", "converged"],
  // What was restored is written down by the step itself.
  restore: ["drain", "stop", "snapshot", "restore", "start", "await-ready"],
  replace: ["drain", "revoke", "remove", "forget", "claim", "launch", "await-ready", "converged"],
  destroy: ["drain", "revoke", "remove", "forget"],
} as const;
type Operation = keyof typeof STEPS;
const OPERATIONS = Object.keys(STEPS) as readonly Operation[];

const boundaries = (operation: Operation): readonly string[] => {
  const [first, ...rest] = STEPS[operation].flatMap((step) => [`${step}:before`, `${step}:after`]);
  return [first as string, ...rest.filter((boundary) => EVERY_EDGE || boundary.endsWith("after"))];
};
const CYCLES = Math.max(...OPERATIONS.map((operation) => boundaries(operation).length));

/** What is written of the agent, and what its disk must hold. */
interface Wanted {
  readonly cpu: number;
  readonly mark: string;
  readonly snapshot?: string;
  readonly token?: string;
}

interface World {
  readonly fixture: Fixture;
  /** Where the controller is killed next; read by it at every boundary. */
  readonly boundary: string;
  up: Up;
  /** null: the agent is not declared. */
  wanted: Wanted | null;
}

describe("kill -9 in the middle of a change", { concurrency: WORLDS }, () => {
  for (let world = 0; world < WORLDS; world++) {
    it(`world ${world + 1} of ${WORLDS} ends in sync, every time`, { timeout: 600_000 }, async (t) => {
      const began = Date.now();
      let kills = 0;
      const fixture = await createFixture({
        "keeper.yaml": BUILDER.replace(NAME, KEEPER),
        "fleet.yaml": settings("prune: true\n"),
      });
      const boundary = join(fixture.folder, "boundary");
      const w: World = { fixture, boundary, up: await life(fixture, boundary), wanted: null };
      try {
        await asWritten(w);
        for (let cycle = world; cycle < CYCLES; cycle += WORLDS)
          for (const operation of OPERATIONS) {
            const at = boundaries(operation)[cycle];
            // Some operations have fewer boundaries; replacing needs something to replace.
            if (at === undefined && (operation !== "create" || w.wanted !== null)) continue;
            await round(w, operation, cycle, at).catch((error: unknown) => {
              const printed = `${w.up.output()}\n${String((error as Error).stack)}`;
              throw new Error(`${operation}, killed at ${at}:\n${printed}`, { cause: error });
            });
            if (at !== undefined) kills++;
          }
        t.diagnostic(`${kills} kills in ${((Date.now() - began) / 1000).toFixed(1)} s`);
      } finally {
        await w.up.end("SIGKILL");
        await fixture.close();
      }
    });
  }
});

/** One operation, one kill at this boundary, and a restart that has to end in sync. */
async function round(w: World, operation: Operation, cycle: number, at: string | undefined): Promise<void> {
  const calls = callsOf(w.fixture).length;
  if (w.wanted !== null) writeFileSync(inGuest(w, "home/ubuntu/work"), `${operation} ${cycle}`);
  w.wanted = edited(w.wanted, operation, cycle);
  if (at !== undefined) writeFileSync(w.boundary, `${NAME}:${at}`);
  const { process: child } = w.up;
  const died = child.signalCode ?? once(child, "close").then(([, signal]) => signal as string);
  await (w.wanted === null
    ? w.fixture.remove("builder.yaml")
    : w.fixture.write("builder.yaml", documents(w.wanted)));
  if (at !== undefined) {
    await until("the kill at the boundary", () => child.signalCode ?? child.exitCode, 60_000);
    assert.equal(await died, "SIGKILL");
    rmSync(w.boundary);
    w.up = await life(w.fixture, w.boundary);
  }
  await asWritten(w);
  await check(w, operation, cycle, callsOf(w.fixture).slice(calls));
}

function edited(now: Wanted | null, operation: Operation, cycle: number): Wanted | null {
  if (operation === "destroy") return null;
  if (operation === "create" || now === null) return { cpu: 1, mark: `created ${cycle}` };
  if (operation === "resize") return { ...now, cpu: now.cpu === 1 ? 2 : 1 };
  if (operation === "snapshot") return { ...now, snapshot: `s${cycle}` };
  if (operation === "restore") return { ...now, token: `t${cycle}` };
  return { cpu: now.cpu, mark: `replaced ${cycle}` };
}

function documents({ cpu, mark, snapshot, token }: Wanted): string {
  const restore = token === undefined ? "" : `restore: {snapshot: ${snapshot}, token: "${token}"}\n`;
  const taken = snapshot === undefined ? "" : `---\nkind: Snapshot\nname: ${snapshot}\nagent: ${NAME}\n`;
  const provision = `provision:\n  files: [{path: /home/ubuntu/mark, content: "${mark}"}]\n  onChange: replace\n`;
  return `${BUILDER.replace("cpu: 1", `cpu: ${cpu}`)}${restore}${provision}${taken}`;
}

const life = (fixture: Fixture, boundary: string): Promise<Up> =>
  fixture.up({
    VM_AGENT_TEST_BOUNDARY: `@${boundary}`,
    VM_AGENT_RECONNECT_SHORTEST: "0.1",
    VM_AGENT_RECONNECT_LONGEST: "1",
  });

/** What is written is known to the controller, and nothing is left to do. */
async function asWritten(w: World): Promise<void> {
  const names = [...(w.wanted === null ? [] : [NAME]), KEEPER];
  await until(
    "the fleet is in sync",
    async () => {
      const { agents, settled } = await w.up.api.get<FleetView>("/fleet");
      const [found, wanted] = [
        agents
          .map((a) => a.name)
          .sort()
          .join(),
        names.join(),
      ];
      return (
        settled &&
        found === wanted &&
        agents.every((a) => a.sync === "Synced" && a.health === "Healthy" && !a.work)
      );
    },
    90_000,
  );
  const { changes, held } = await w.up.api.get<PlanView>("/plan");
  assert.deepEqual([changes, held], [[], []]);
}

async function check(
  w: World,
  operation: Operation,
  cycle: number,
  calls: readonly (readonly string[])[],
): Promise<void> {
  const count = (verb: string) => calls.filter((argv) => argv[0] === verb && argv.includes(NAME)).length;
  const done = {
    delete: count("delete"),
    restores: calls.filter((argv) => argv[0] === "restore").length,
    foreign: calls.filter((argv) => argv[0] === "purge").length,
  };
  assert.deepEqual(done, {
    delete: operation === "destroy" || operation === "replace" ? 1 : 0,
    restores: operation === "restore" ? 1 : 0,
    foreign: 0,
  });
  const names = [...(w.wanted === null ? [] : [NAME]), KEEPER];
  assert.deepEqual(await w.fixture.states(), Object.fromEntries(names.map((name) => [name, "Running"])));
  assert.equal((await runtimesOf(w.fixture.home)).length, names.length, "one guest for each");
  if (w.wanted === null) return;
  assert.equal(readFileSync(inGuest(w, "home/ubuntu/mark"), "utf8"), w.wanted.mark);
  // The disk is the one that was there, except where it had to be another.
  const work = inGuest(w, "home/ubuntu/work");
  const kept = existsSync(work) ? readFileSync(work, "utf8") : null;
  const fresh = operation === "create" || operation === "replace";
  assert.equal(kept, fresh ? null : operation === "restore" ? `snapshot ${cycle}` : `${operation} ${cycle}`);
  if (operation === "resize") {
    const { stdout } = await w.fixture.multipass("get", `local.${NAME}.cpus`);
    assert.equal(stdout.trim(), String(w.wanted.cpu));
  }
  if (operation !== "snapshot" && operation !== "restore") return;
  const { stdout } = await w.fixture.multipass("list", "--snapshots", "--format", "json");
  const { info } = JSON.parse(stdout) as { info: Readonly<Record<string, object>> };
  const all = Object.keys(info[NAME] ?? {}).sort();
  // A crash right after the safety snapshot may leave a second one of the same disk; none is ever missing.
  const safety = all.filter((name) => name.startsWith("before-"));
  assert.equal(all.filter((name) => name === `s${cycle}`).length, 1, all.join());
  assert.ok(operation === "snapshot" || safety.includes(`before-t${cycle}`), all.join());
}

const inGuest = (w: World, path: string): string =>
  join(w.fixture.home, "sandbox", "instances", NAME, "root", path);

/** Arguments of the calls of Multipass that have succeeded. */
function callsOf(fixture: Fixture): readonly (readonly string[])[] {
  const file = join(fixture.home, "sandbox", "calls.jsonl");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  return lines
    .map((line) => JSON.parse(line) as { readonly argv: readonly string[]; readonly code: number })
    .filter(({ code }) => code === 0)
    .map(({ argv }) => argv);
}
