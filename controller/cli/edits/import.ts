/** `vm-agent import NAME`: declares an instance that vm-agent did not create, asks, and claims it. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { makeHome } from "../../base/home.ts";
import type { Settings } from "../../base/env.ts";
import { EXIT, VmAgentError, toVmAgentError } from "../../base/errors.ts";
import { readPlainFile } from "../../base/plain-file.ts";
import type { DesiredAgent, Mount } from "../../core/types.ts";
import type { Driver } from "../../drivers/driver.ts";
import { adopt, importable } from "../../loop/adopt.ts";
import { makeNonce, readOrCreateFleetKey } from "../../runtimes/ownership/nonce.ts";
import { acquireLock } from "../../store/lock.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store } from "../../store/store.ts";
import { confirm } from "../output/confirm.ts";
import { readFolder } from "./fleet-file.ts";
import { databasePath } from "../system/home.ts";
import { type Reading, importedYaml } from "../../fleet/edit/import-yaml.ts";
import { shownPath } from "../output/output.ts";
import { planNow } from "../plan/plan-now.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import type { Api } from "../../../ui/client/api.ts";
import { withCliErrors } from "../cli-errors.ts";
import { waiting } from "../output/waiting.ts";
import { DRIVER_KEY, openContext } from "../system/command-context.ts";

export const importInstance: CommandRun = async (invocation) => {
  const { settings, output, args, options } = invocation;
  const name = args[0] ?? "";
  const path = join(settings.fleet, "agents", `${name}.yaml`);
  await using world = await openContext(settings, { color: output.color, width: output.width });
  const { driver, kind } = await world.selection();
  const reading = await read(driver, world.store(), name);
  const written = await declared(invocation, name, path);
  const text = written ?? importedYaml(reading, new Date().toISOString().slice(0, 10));
  if (!output.json) output.out(`${shownPath(path)}\n\n${text.replaceAll(/^(?=.)/gm, "  ")}`);
  if (!options.yes) await confirm(output, `Write this, and make "${name}" ours?`, `vm-agent import ${name}`);
  if (written === null) write(path, text);
  // First the document, then the claim: a claim without a document would be removed.
  const agent = await wanted(invocation, name).catch((error: unknown) => {
    if (written === null) rmSync(path, { force: true });
    throw error;
  });
  const hub = await world.hub();
  const claim = () => (hub ? claimViaHub(hub.api, name) : claimOurselves(settings, driver, kind, agent));
  await claim().catch((error: unknown) =>
    notClaimed(invocation, error, { name, path, isNew: written === null }),
  );
  // The first observation used files and claims from before.
  await using after = await openContext(settings, { color: output.color, width: output.width });
  const { changes, held } = (await planNow(after, { targets: [name], allowDelete: [] })).plan;
  if (output.json) output.out(JSON.stringify({ agent: name, file: path, changes, held }));
  else {
    output.out(`${output.paint("good", "✓")} "${name}" is imported; its document is ${shownPath(path)}.`);
    const left = changes.length + held.length;
    output.out(
      left === 0
        ? `It is in sync: there is nothing to do. ${runtimeWords(agent, hub !== null)}`
        : `It is out of sync; vm-agent plan --target ${name} shows what differs.`,
    );
  }
  return EXIT.done;
};

function runtimeWords({ name, state }: DesiredAgent, live: boolean): string {
  if (state !== "running") return "No runtime is inside; it gets one when it runs.";
  if (!live) return "No runtime is inside; vm-agent up installs one.";
  return `Its runtime is being installed; then tasks run in it: vm-agent status ${name} --watch`;
}

/** Everything is read before a file is changed. */
async function read(driver: Driver, store: Store, name: string): Promise<Reading> {
  const instance = await importable({ driver, store }, name);
  const size = await driver.size(name);
  const snapshots = (await driver.snapshots()).get(name) ?? [];
  const mounts: readonly Mount[] | null =
    instance.state === "Stopped" && driver.mounts ? await driver.mounts(name) : null;
  return { instance, size, snapshots, mounts };
}

/** The text of an import that was interrupted before its claim; null: there is none. */
async function declared(invocation: Invocation, name: string, path: string): Promise<string | null> {
  const { settings, output } = invocation;
  const desired = await readFolder(settings, output);
  const other = desired.agents.find((a) => a.name === name);
  const text = existsSync(path) ? readPlainFile(path).toString("utf8") : null;
  if (text?.startsWith("# Imported on ") && other && join(settings.fleet, other.source.file) === path)
    return text;
  if (other) {
    throw new VmAgentError({
      code: "already-declared",
      message: `${shownPath(join(settings.fleet, other.source.file))}:${other.source.line} declares "${name}" already, and the instance of that name is not ours`,
      next: "remove that document or give it another name, then import the instance",
    });
  }
  if (text === null) return null;
  throw new VmAgentError({
    code: "file-exists",
    message: `${shownPath(path)} exists, and does not declare "${name}"`,
    next: "move it away, then import the instance",
  });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { flag: "wx" });
}

/** The agent as declared now, with all defaults. */
async function wanted({ settings, output }: Invocation, name: string): Promise<DesiredAgent> {
  const agent = (await readFolder(settings, output)).agents.find((a) => a.name === name);
  if (agent) return agent;
  throw new VmAgentError({
    code: "not-declared",
    message: `the fleet files do not declare "${name}", although its document is there`,
    next: "vm-agent validate tells what is in the fleet folder",
  });
}

/** How long the loop may take to read the document, observe the instance and claim it. Milliseconds. */
const CLAIM_MS = 120_000;

async function claimViaHub(api: Api, name: string): Promise<void> {
  const seconds = CLAIM_MS / 1000;
  try {
    await waiting(process.stderr, `the loop to claim ${name}, ${seconds} s at most`, () =>
      withCliErrors(() => api.importInstance(name, CLAIM_MS)),
    );
  } catch (error) {
    if (error instanceof VmAgentError) throw error;
    throw new VmAgentError({
      code: "no-answer",
      message: `the loop that runs did not answer within ${seconds} s, or the connection to it broke`,
      next: `vm-agent why ${name} says whether it is claimed; vm-agent import ${name} goes on where this one stopped`,
      exit: EXIT.unreachable,
      cause: error,
    });
  }
}

/** Removes the document again after a refused claim, and reports what is left where that is unknown. */
async function notClaimed(
  { settings, output }: Invocation,
  error: unknown,
  { name, path, isNew }: { readonly name: string; readonly path: string; readonly isNew: boolean },
): Promise<void> {
  const known = toVmAgentError(error);
  await using after = await openContext(settings, { color: output.color, width: output.width });
  // The answer was lost, and the claim exists.
  if (after.store().claims.get(name) !== undefined) return;
  const follows = (await readFolder(settings, output).catch(() => null))?.settings.git.follow ?? false;
  // A loop that has not answered may still claim it, and then needs the document. So does a pending commit.
  const isKept = !isNew || follows || known.code === "no-answer";
  if (!isKept) rmSync(path, { force: true });
  const { code, exit, transient } = known;
  throw new VmAgentError({
    code,
    message: `"${name}" was not imported: ${known.message}; its document ${shownPath(path)} ${isKept ? "is left" : "was removed again"}`,
    next: known.next,
    exit,
    transient,
    cause: error,
  });
}

/** No loop runs: the lock is ours while the claim is made. */
async function claimOurselves(
  settings: Settings,
  driver: Driver,
  kind: "multipass" | "sandbox",
  agent: DesiredAgent,
): Promise<void> {
  makeHome(settings.home);
  const holder = { pid: process.pid, command: "vm-agent import", since: systemClock.now() };
  const lock = acquireLock(settings.home, holder);
  try {
    const store = openStore(databasePath(settings.home));
    try {
      const fence = await store.nextFence();
      await store.kv.put(DRIVER_KEY, kind);
      const nonce = () => makeNonce(readOrCreateFleetKey(settings.home), agent.name);
      await adopt({ driver, store, clock: systemClock, fence, nonce }, agent);
    } finally {
      await store.close();
    }
  } finally {
    lock.release();
  }
}
