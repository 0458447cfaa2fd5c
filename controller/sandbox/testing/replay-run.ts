// For the replay test: makes a scenario's world, runs its steps, compares.
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { isolation } from "../guest/isolation.ts";
import { canonical, launchWords, normalise, type Recording, shellWords } from "./replay-compare.ts";
import type { Scenario, Step } from "./replay-steps.ts";
import { type Ran, type RunOptions, until, World } from "./test-world.ts";

const FILE = fileURLToPath(
  new URL("../../../../controller/sandbox/testdata/recordings-1.16.3.jsonl", import.meta.url),
);

export const RECORDINGS: ReadonlyMap<string, Recording> = new Map(
  readFileSync(FILE, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Recording)
    .map((recording) => [recording.name, recording]),
);

export function prepareWorld(scenario: Scenario): World {
  const world = new World(scenario.env);
  world.write("home/user/t/f1", "file content\n");
  world.write("home/user/t/d1/a", "a\n");
  mkdirSync(join(world.home, "home/user/t/d1/sub"));
  mkdirSync(join(world.home, "home/user/srv/images"), { recursive: true });
  world.write("home/user/ci.yaml", CLOUD_INIT);
  world.write("home/user/t/users.yaml", "ssh_authorized_keys: [ssh-ed25519 AAAA dev]\nruncmd:\n  - exit 7\n");
  world.write("home/user/empty.img", "");
  truncateSync(world.write("srv/images/debian-12.img", ""), 1887436800);
  return world;
}

const CLOUD_INIT = `write_files:
  - path: /etc/mp-marker
    content: |
      hello: from cloud-init
runcmd:
  - echo ran > /var/tmp/runcmd-done
`;

/** Runs a scenario's steps; gives what differed from the recordings. */
export async function play(world: World, { steps }: Scenario): Promise<readonly string[]> {
  const problems: string[] = [];
  const pending: Promise<void>[] = [];
  for (const [at, step] of steps.entries()) {
    const { when } = step;
    if (step.join) await Promise.all(pending);
    if (when) await until(`${step.recording ?? step.args?.join(" ")} may begin`, () => when(world));
    const done = perform(world, step, at).then((problem) => {
      if (problem) problems.push(problem);
    });
    if (step.aside) pending.push(done);
    else await done;
  }
  await Promise.all(pending);
  return problems;
}

async function perform(world: World, step: Step, at: number): Promise<string | undefined> {
  if (step.hold !== undefined) writeFileSync(join(world.state, "hold"), step.hold);
  if (step.hold !== undefined) return undefined;
  const recording = step.recording === undefined ? undefined : RECORDINGS.get(step.recording);
  if (step.recording !== undefined && !recording) return `${step.recording}: no such recording`;
  const recorded = recording && shellWords(recording.cmd);
  const args = (step.args ?? recorded?.slice(recorded.indexOf("multipass") + 1) ?? []).map((word) =>
    localPath(world, word),
  );
  const faults = step.faults && world.write(`faults-${at}.json`, JSON.stringify({ rules: step.faults }));
  const { stdinFile, ...run } = step.run ?? {};
  const options: RunOptions = {
    ...run,
    ...(stdinFile ? { stdin: readFileSync(join(world.home, stdinFile), "utf8") } : {}),
    cwd: join(world.home, run.cwd ?? "home/user"),
    env: { ...run.env, ...(faults ? { VM_AGENT_SANDBOX_FAULTS: faults } : {}) },
  };
  if (step.retry)
    await until(`${args.join(" ")} succeeds`, async () => (await world.run(args, options)).code === 0);
  const killer = new AbortController();
  const running = world.run(args, { ...options, signal: killer.signal });
  const { killWhen } = step;
  if (killWhen) await until("the client may be killed", () => killWhen(world)).then(() => killer.abort());
  const ran = await running;
  if (recording) return compare(world, step, recording, ran);
  const known = step.aside || step.faults || step.killWhen;
  return ran.code === 0 || known ? undefined : `${args.join(" ")}: exit ${ran.code}\n${ran.stderr}`;
}

const PLACES = ["/home/user", "/srv/images"] as const;

const localPath = (world: World, word: string): string =>
  PLACES.reduce((text, place) => text.replaceAll(place, `${world.home}${place}`), word);

function compare(world: World, step: Step, recording: Recording, ran: Ran): string | undefined {
  const ours = (text: string): string => text.replaceAll(world.home, "");
  const problems: string[] = [];
  const differ = (what: string, wanted: unknown, found: unknown): void => {
    if (!isDeepStrictEqual(wanted, found))
      problems.push(`${what}\n  recorded ${show(wanted)}\n  ours     ${show(found)}`);
  };
  differ("exit code", recording.rc, ran.code);
  differ("stderr", normalise(recording.stderr).trimEnd(), normalise(ours(ran.stderr)).trimEnd());
  const unseen = step.stdoutDiffers !== undefined || (step.guest && !isolated());
  if (!unseen) differ("stdout", answer(recording, recording.stdout), answer(recording, ours(ran.stdout)));
  return problems.length > 0 ? `${recording.name}: ${recording.cmd}\n${problems.join("\n")}` : undefined;
}

/** What of a stdout is compared. */
function answer(recording: Recording, text: string): unknown {
  if (recording.cmd.includes("--format json") && text.startsWith("{")) {
    const kind = / (info|networks) /.exec(recording.cmd)?.[1];
    return canonical(text, kind === "info" || kind === "networks" ? kind : "other");
  }
  return normalise(/ launch /.test(recording.cmd) ? launchWords(text) : text);
}

const show = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? "nothing");

let known: boolean | undefined;

function isolated(): boolean {
  known ??= isolation().bwrap !== undefined;
  return known;
}
