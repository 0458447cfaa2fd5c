/** For tests: one runtime, three tasks, one kill at one point, and what must be true afterwards. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Guest } from "../../../agent/testing/guest.ts";
import { until } from "../support/harness.ts";
import type { Point, Victim } from "./points.ts";
import type { Answer, KillWorld } from "./world.ts";

export interface Round {
  readonly name: string;
  readonly victim: Victim;
  readonly point: Point;
  readonly random: () => number;
}

export interface Tally {
  tasks: number;
  succeeded: number;
  lost: number;
  executions: number;
}

interface Entry {
  readonly taskId: string;
  readonly state: string;
  readonly stored?: boolean;
}
interface Task {
  readonly id: string;
  readonly state: string;
  readonly result: { readonly stdout: string } | null;
}

const NONCE = "nonce-1";
const LABELS = ["first", "second", "third"] as const;

/** Says on the disk that it began and that it ended, once for each execution. */
const command = (label: string): string =>
  `echo ${label}:begin >> "$HOME/ran"; echo ${label}; until [ -e "$HOME/go" ]; do sleep 0.02; done; echo ${label}:end >> "$HOME/ran"`;

export async function killAndCheck(w: KillWorld, round: Round, tally: Tally): Promise<void> {
  const { name, point, victim, random } = round;
  const guest = new Guest(name, w.tap.port);
  const joinToken = await w.enrol(name, NONCE);
  const settings = { agent: name, nonce: NONCE, joinToken, hub: [`127.0.0.1:${w.tap.port}`] };
  guest.write("/etc/vm-agent/runtime.json", JSON.stringify({ ...settings, port: w.tap.port }));
  mkdirSync(guest.path("/home/ubuntu"), { recursive: true });
  const release = () => writeFileSync(guest.path("/home/ubuntu/go"), "");
  if (!point.holds) release();

  const reached = Promise.withResolvers<void>();
  let dead: Promise<unknown> | null = null;
  /** Sends the signals in this very moment; what dies is waited for later. */
  const strike = () => {
    dead ??= Promise.all([
      victim === "runtime" ? null : w.killHub(),
      victim === "hub" || guest.child === null ? null : guest.kill("SIGKILL"),
    ]);
    reached.resolve();
  };
  w.passing = ({ agent, from, frame, edge }) => {
    if (dead !== null || point.kind !== "frame" || agent !== name) return true;
    if (edge !== point.edge || !point.is(from, frame)) return true;
    strike();
    return false;
  };
  const acknowledged = new Map<string, string>();
  const submit = async (label: string): Promise<void> => {
    const { status, body } = await w.call(
      "POST",
      `/agents/${name}/task`,
      { type: "exec", command: command(label) },
      label + name,
    );
    assert.ok(status === 200 || status === 202, `${status} ${JSON.stringify(body)}`);
    const id = String(body.taskId);
    assert.equal(acknowledged.get(label) ?? id, id, "a repeated request is the same task");
    acknowledged.set(label, id);
  };
  try {
    // One waits in the hub before there is a runtime, two come while it connects.
    await submit(LABELS[0]);
    await guest.start();
    const second = submit(LABELS[1]);
    if (point.kind === "http") {
      if (point.at === "sent") setTimeout(strike, random() * 8);
      else void second.then(strike, () => {});
    }
    // A request that the hub did not live to answer is not acknowledged; its client repeats it under the same key.
    await Promise.allSettled([second, submit(LABELS[2])]);
    if (point.kind === "disk") {
      const end = Date.now() + 20_000;
      while (!point.reached((path) => guest.path(path))) {
        assert.ok(Date.now() < end, `not reached: ${point.name}`);
        // As soon as it can be seen: the next point is milliseconds away.
        await new Promise((resolve) => setImmediate(resolve));
      }
      strike();
    }
    await Promise.race([reached.promise, until("the point", () => dead !== null, 20_000)]);
    await dead;
    const record = recordOf(guest);
    release();
    if (victim !== "runtime") await w.startHub();
    if (victim !== "hub") await guest.start();
    for (const label of LABELS) await submit(label);
    await judge(w, round, { guest, acknowledged, record, tally });
  } finally {
    w.passing = () => true;
    await guest.kill("SIGKILL");
    rmSync(guest.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Aftermath {
  readonly guest: Guest;
  readonly acknowledged: ReadonlyMap<string, string>;
  /** The journal as the kill left it. */
  readonly record: ReadonlyMap<string, "accepted" | "running" | "finished">;
  readonly tally: Tally;
}

async function judge(w: KillWorld, { name, victim }: Round, after: Aftermath): Promise<void> {
  const { guest, acknowledged, record, tally } = after;
  let tasks: readonly Task[] = [];
  await until(
    "an end of every task",
    async () => {
      const { body }: Answer = await w.call("GET", `/tasks?agent=${name}`);
      tasks = body.tasks as readonly Task[];
      const open = tasks.filter(({ state }) => ["queued", "sent", "running"].includes(state));
      if (open.length > 0) throw new Error(`open: ${JSON.stringify(open)}\n${guest.log}`);
      return true;
    },
    30_000,
  );
  assert.deepEqual(tasks.map(({ id }) => id).sort(), [...acknowledged.values()].sort());
  // Both sides agree and nothing is on its way any more: what was executed by now is all that ever will be.
  await until(
    "the runtime to have delivered everything",
    () => journalOf(guest).every(({ state, stored }) => state === "finished" && stored === true),
    30_000,
  );
  const ran = readFileSync(guest.path("/home/ubuntu/ran"), "utf8").trim().split("\n");
  for (const [label, id] of acknowledged) {
    const task = tasks.find((t) => t.id === id);
    const state = task?.state ?? "absent";
    const executions = ran.filter((line) => line === `${label}:begin`).length;
    const about = `${label} is ${state}, was ${record.get(id)} in the journal, executed ${executions} times: ${JSON.stringify(task)}\n${JSON.stringify(journalOf(guest).find((e) => e.taskId === id))}\n${guest.log}`;
    tally.tasks += 1;
    tally.executions += executions;
    if (victim !== "hub" && record.get(id) === "running") {
      // Its runtime died while the task ran, so whether it began is unknown.
      assert.equal(state, "lost", about);
      assert.ok(executions <= 1, about);
      tally.lost += 1;
    } else {
      assert.equal(state, "succeeded", about);
      assert.equal(executions, 1, about);
      assert.equal(ran.filter((line) => line === `${label}:end`).length, 1, about);
      // A list carries no results.
      const { body }: Answer = await w.call("GET", `/tasks/${id}`);
      assert.equal((body.task as Task).result?.stdout, `${label}\n`, about);
      tally.succeeded += 1;
    }
  }
}

function journalOf(guest: Guest): readonly Entry[] {
  const folder = guest.path("/var/lib/vm-agent/journal");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Entry);
}

/** A result on the disk is an end, whether or not the journal has heard of it. */
function recordOf(guest: Guest): Aftermath["record"] {
  const spool = guest.path("/var/lib/vm-agent/spool");
  const spooled = existsSync(spool) ? readdirSync(spool).filter((file) => file.endsWith(".json")) : [];
  return new Map(
    journalOf(guest).map(({ taskId, state }) => [
      taskId,
      spooled.includes(`${taskId}.json`) ? "finished" : (state as "accepted" | "running" | "finished"),
    ]),
  );
}
