/** `vm-agent audit`: lists audit entries; `audit verify`: checks that the audit is complete. */
import { existsSync } from "node:fs";
import type { Settings } from "../../base/env.ts";
import { printable } from "../../base/printable.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { trustClock } from "../../hub/observability/clock-watch.ts";
import { acquireLock } from "../../store/lock.ts";
import { findLosses } from "../../store/protection/find-losses.ts";
import { type Loss, LOSS_NEXT, lossWords } from "../../store/protection/loss.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { AuditCheck, AuditFilter, AuditLink, AuditRow, AuditStore } from "../../store/store.ts";
import { databasePath, findHub, needHub } from "../system/home.ts";
import { numberOption } from "../number-option.ts";
import { type Output, table } from "../output/output.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { openContext } from "../system/command-context.ts";

type Source = {
  readonly latest: (filter: AuditFilter) => Promise<readonly AuditRow[]>;
  readonly check: (known?: AuditLink) => Promise<AuditCheck & { readonly losses: readonly Loss[] }>;
};

export const audit: CommandRun = async (invocation) => {
  const { args, options, output, settings } = invocation;
  const [verb] = args;
  if (verb !== undefined && verb !== "verify" && verb !== "acknowledge")
    throw usage(`"${verb}"`, "vm-agent audit, vm-agent audit verify, or vm-agent audit acknowledge");
  if (verb === "acknowledge") return acknowledge(invocation);
  if (settings.url !== null) return run(invocation, await remote(invocation));
  // Before the database is opened.
  const losses = verb === "verify" ? findLosses(settings.home, databasePath(settings.home), Date.now()) : [];
  await using world = await openContext(settings, { color: output.color, width: output.width });
  try {
    return await run({ ...invocation, options }, local(world.store().audit, losses));
  } catch (error) {
    // Known losses are shown even where no entry can be read.
    for (const words of losses.flatMap(lossWords))
      output.err(`${output.paint("bad", "lost or damaged:")} ${words}`);
    throw error;
  }
};

/** By the running hub, or by this process as the only writer. */
async function acknowledge({ settings, output }: Invocation): Promise<number> {
  const hub = await findHub(settings);
  const losses = hub ? (await hub.api.acknowledgeLosses()).losses : await acknowledgeHere(settings);
  if (output.json) output.out(JSON.stringify({ losses }));
  else if (losses.length === 0) output.out("nothing is lost or damaged that was not acknowledged");
  else {
    for (const words of losses.flatMap(lossWords)) output.out(`acknowledged: ${words}`);
    output.out("an entry of the audit (loss.acknowledged) keeps this; it is not reported again");
  }
  return EXIT.done;
}

async function acknowledgeHere(settings: Settings): Promise<readonly Loss[]> {
  if (settings.url !== null) await needHub(settings);
  if (!existsSync(databasePath(settings.home))) return [];
  const holder = { pid: process.pid, command: "vm-agent audit acknowledge", since: Date.now() };
  const lock = acquireLock(settings.home, holder);
  try {
    const store = openStore(databasePath(settings.home));
    try {
      await trustClock(store.kv, Date.now());
      return await store.acknowledge("operator", Date.now());
    } finally {
      await store.close();
    }
  } finally {
    lock.release();
  }
}

async function run({ args, options, output }: Invocation, source: Source): Promise<number> {
  if (args[0] === "verify") return verify(source, anchorOf(options.anchor), output);
  const limit = numberOption("--limit", options.limit, 1, 100_000);
  const entries = await source.latest({
    ...(typeof options.agent === "string" && { agent: options.agent }),
    ...(typeof options.kind === "string" && { kind: options.kind }),
    limit,
  });
  if (output.json) output.out(JSON.stringify({ entries }, null, 2));
  else if (entries.length === 0) output.out("there is no such entry");
  else {
    const head = ["#", "when", "who", "what", "to", "detail"].map((h) => output.paint("dim", h));
    output.out(table([head, ...entries.map((entry) => row(entry, output))]));
  }
  return EXIT.done;
}

async function verify(source: Source, known: AuditLink | undefined, output: Output): Promise<number> {
  const check = await source.check(known);
  const { entries, cut, end, broken, gaps, losses } = check;
  const isWhole = broken === null && losses.length === 0;
  if (output.json) {
    output.out(JSON.stringify({ ...check, intact: isWhole }, null, 2));
    return isWhole ? EXIT.done : EXIT.failed;
  }
  for (const words of losses.flatMap(lossWords))
    output.out(`${output.paint("bad", "lost or damaged:")} ${words}`);
  if (broken) output.out(`${output.paint("bad", "broken")} at entry ${broken.seq}: ${broken.why}`);
  else if (isWhole) {
    const from = cut ? ` after entry ${cut.seq}, the last that was pruned` : "";
    const apart = gaps.length > 0 ? `, apart from acknowledged damage before ${gaps.join(", ")}` : "";
    output.out(`${output.paint("good", "intact")}: ${entries} entries${from}${apart}`);
    if (end)
      output.out(
        `its end is ${end.seq}:${end.hash}; noted elsewhere, it proves later with --anchor that nothing before it was rewritten`,
      );
  }
  if (!isWhole) output.out(`next: ${LOSS_NEXT}`);
  return isWhole ? EXIT.done : EXIT.failed;
}

function row({ seq, at, actor, action, subject, detail }: AuditRow, output: Output): readonly string[] {
  const words = Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  const text = words.length > 100 ? `${words.slice(0, 99)}…` : words;
  const when = new Date(at).toISOString().replace("T", " ").slice(0, 19);
  return [
    String(seq),
    when,
    ...[actor, action, subject].map(printable),
    output.paint("dim", printable(text)),
  ];
}

function anchorOf(value: unknown): AuditLink | undefined {
  if (value === undefined) return undefined;
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(String(value)) ?? [];
  if (seq === undefined || hash === undefined)
    throw usage(`--anchor "${String(value)}"`, "NUMBER:HASH, as vm-agent audit verify prints it");
  return { seq: Number(seq), hash };
}

const local = (store: AuditStore, losses: readonly Loss[]): Source => ({
  latest: async (filter) => store.latest(filter),
  check: async (known) => ({ ...store.check(known), losses }),
});

async function remote({ settings }: Invocation): Promise<Source> {
  const { api } = await needHub(settings);
  return {
    latest: async ({ limit, ...filter }) => {
      const most = Math.min(limit, 1000);
      return (await api.listAudit({ ...filter, order: "newest", limit: most })).entries;
    },
    check: (known) => api.verifyAudit(known),
  };
}

const usage = (found: string, allowed: string): VmAgentError =>
  new VmAgentError({
    code: "usage",
    message: `${found} is not allowed here`,
    next: `allowed: ${allowed}`,
    exit: EXIT.usage,
  });
