import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createBus } from "../base/events.ts";
import { createFleetSource, type FleetSource, type FleetSourceOptions, type FleetState } from "./source.ts";

const root = mkdtempSync(join(tmpdir(), "vm-agent-source-"));
after(() => rmSync(root, { recursive: true, force: true }));

const DEADLINE_MS = 60_000;
const agent = (name: string, more = "") => `kind: Agent\nname: ${name}\n${more}`;
const namesOf = (state: FleetState) => state.desired?.agents.map(({ name }) => name);

let count = 0;
interface World {
  readonly folder: string;
  readonly source: FleetSource;
  readonly reads: readonly { readonly agents: number; readonly errors: readonly string[] }[];
  write(name: string, text: string): void;
  /** Resolves as soon as the state is as wanted, rejects at the deadline. */
  until(wanted: (state: FleetState) => boolean): Promise<FleetState>;
}

async function watched(
  files: Readonly<Record<string, string>>,
  saved: { value: unknown } = { value: null },
  more: Partial<FleetSourceOptions> = {},
): Promise<World> {
  const folder = join(root, `w${count++}`);
  const write = (name: string, text: string) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  const bus = createBus(() => 0);
  const reads: { agents: number; errors: readonly string[] }[] = [];
  bus.on("fleet.read", ({ agents, errors }) => void reads.push({ agents, errors }));
  const listeners = new Set<() => void>();
  const source = await createFleetSource({
    folder,
    bus,
    debounceMs: 20,
    resyncMs: 0,
    ...more,
    onChange: () => {
      for (const listener of listeners) listener();
    },
    lastGood: {
      load: () => saved.value,
      save: async (value) => {
        saved.value = JSON.parse(JSON.stringify(value));
      },
    },
  });
  const until = (wanted: (state: FleetState) => boolean) =>
    new Promise<FleetState>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`never came: ${JSON.stringify(source.current())}`)),
        DEADLINE_MS,
      );
      const look = () => {
        if (!wanted(source.current())) return;
        clearTimeout(timer);
        listeners.delete(look);
        resolve(source.current());
      };
      listeners.add(look);
      look();
    });
  return { folder, source, reads, write, until };
}

test("saved, broken, mended, deleted and made again", async () => {
  const { source, folder, reads, write, until } = await watched({ "a.yaml": agent("a") });
  try {
    assert.deepEqual(namesOf(source.current()), ["a"]);
    write("b.yaml", agent("b"));
    await until((state) => namesOf(state)?.length === 2);

    write("b.yaml", agent("b", "cpus: 2\n"));
    const broken = await until((state) => state.errors.length > 0);
    assert.equal(broken.stale, true);
    assert.deepEqual(namesOf(broken), ["a", "b"]);
    assert.equal(broken.desired?.guard?.reason, "invalid");
    assert.match(reads.at(-1)?.errors[0] ?? "", /^b\.yaml:3:1 \/cpus is not a field/);

    write("b.yaml", agent("b", "cpu: 3\n"));
    const mended = await until((state) => !state.stale && state.desired?.agents[1]?.size.cpu === 3);
    assert.equal(mended.desired?.guard, undefined);

    rmSync(folder, { recursive: true });
    const gone = await until((state) => state.desired?.guard !== undefined);
    assert.equal(gone.desired?.guard?.reason, "empty");

    write("c.yaml", agent("c"));
    await until((state) => !state.stale && namesOf(state)?.join() === "c");
    write("c.yaml", agent("d"));
    await until((state) => namesOf(state)?.join() === "d");
  } finally {
    await source.close();
  }
});

test("a read that fails as a whole says so, keeps the last good fleet, and keeps no later read from being made", async () => {
  const failures: Error[] = [];
  const revision = async () => {
    const failure = failures.pop();
    if (failure) throw failure;
    return null;
  };
  const w = await watched({ "a.yaml": agent("a") }, undefined, { revision });
  try {
    failures.push(new Error("EIO: i/o error, read"));
    w.write("b.yaml", agent("b"));
    const failed = await w.until((s) => s.stale);
    assert.equal(failures.length, 0);
    assert.deepEqual(namesOf(failed), ["a"]);
    assert.match(failed.desired?.guard?.message ?? "", /the fleet folder cannot be read: EIO: i\/o error/);
    w.write("c.yaml", agent("c"));
    await w.until((s) => !s.stale && namesOf(s)?.join() === "a,b,c");
    failures.push(new Error("EMFILE: too many open files"));
    assert.equal((await w.source.refresh()).stale, true);
    assert.equal((await w.source.refresh()).stale, false);
  } finally {
    await w.source.close();
  }
});

test("a file that is emptied, as by who saves in place, takes nothing away until it is written or removed", async () => {
  const w = await watched({ "a.yaml": agent("a"), "b.yaml": agent("b") });
  for (const blank of ["", "\n \n"]) {
    w.write("a.yaml", blank);
    const emptied = await w.until((s) => namesOf(s)?.join() === "b");
    assert.deepEqual([emptied.stale, emptied.desired?.guard?.reason], [false, "unreadable"]);
    assert.match(emptied.desired?.guard?.message ?? "", /^a\.yaml is empty/);
    assert.equal(emptied.desired?.guard?.release, "write what belongs into a.yaml, or remove it");
    w.write("a.yaml", agent("a"));
    await w.until((s) => namesOf(s)?.join() === "a,b" && s.desired?.guard === undefined);
  }
  // A file that holds only a comment is a valid, empty file.
  w.write("a.yaml", "# empty for now\n");
  await w.until((s) => namesOf(s)?.join() === "b" && s.desired?.guard === undefined);
  w.write("a.yaml", "");
  await w.until((s) => s.desired?.guard !== undefined);
  rmSync(join(w.folder, "a.yaml"));
  await w.until((s) => namesOf(s)?.join() === "b" && s.desired?.guard === undefined);
  await w.source.close();
});

test("an editor that renames over the file, and its leftovers", async () => {
  const { source, folder, write, until } = await watched({ "a.yaml": agent("a") });
  try {
    write("a.yaml~", "{");
    write(".a.yaml.swp", "{");
    write("a.tmp", agent("a", "cpu: 5\n"));
    renameSync(join(folder, "a.tmp"), join(folder, "a.yaml"));
    const state = await until((now) => now.desired?.agents[0]?.size.cpu === 5);
    assert.deepEqual(state.errors, []);
  } finally {
    await source.close();
  }
});

test("a cloud-init file is watched, inside the folder and outside", async () => {
  const outside = join(root, "outside.cfg");
  writeFileSync(outside, "packages: [git]\n");
  const { source, write, until } = await watched({
    "a.yaml": agent("a", "provision: {cloudInit: ./ci.cfg}\n"),
    "b.yaml": agent("b", "provision: {cloudInit: ../outside.cfg}\n"),
    "ci.cfg": "packages: [git]\n",
  });
  try {
    const packages = (state: FleetState, index: number) =>
      JSON.stringify(state.desired?.agents[index]?.provision.cloudInit);
    write("ci.cfg", "packages: [jq]\n");
    await until((state) => packages(state, 0) === '{"packages":["jq"]}');
    writeFileSync(outside, "packages: [curl]\n");
    await until((state) => packages(state, 1) === '{"packages":["curl"]}');
  } finally {
    await source.close();
  }
});

test("a start into a broken folder has the last good fleet", async () => {
  const saved = { value: null as unknown };
  const first = await watched({ "a.yaml": agent("a") }, saved);
  await first.source.close();
  const second = await watched({ "a.yaml": "kind: Agent\nname: [\n" }, saved);
  await second.source.close();
  const state = second.source.current();
  assert.equal(state.stale, true);
  assert.deepEqual(namesOf(state), ["a"]);
  assert.equal(state.desired?.guard?.reason, "invalid");
  const nothing = await watched({ "a.yaml": "kind: Agent\nname: [\n" }, { value: { format: 99 } });
  await nothing.source.close();
  assert.deepEqual([nothing.source.current().desired, nothing.source.current().stale], [null, false]);
});

test("a folder that is made only later", async () => {
  const { source, write, until } = await watched({});
  try {
    assert.equal(source.current().desired, null);
    assert.match(source.current().errors[0]?.message ?? "", /does not exist/);
    write("a.yaml", agent("a"));
    await until((state) => namesOf(state)?.join() === "a");
  } finally {
    await source.close();
  }
});

test("no change, no notification", async () => {
  const { source, reads } = await watched({ "a.yaml": agent("a") });
  try {
    await source.refresh();
    await source.refresh();
    assert.equal(reads.length, 1);
  } finally {
    await source.close();
  }
});
