/** `vm-agent audit`: who did what to what; `audit verify`: whether the record is whole. */
import { EXIT, VmAgentError } from "../base/errors.ts";
import type { AuditCheck, AuditFilter, AuditLink, AuditRow, AuditStore } from "../store/store.ts";
import { needHub } from "./home.ts";
import { numberOption } from "./number-option.ts";
import { type Output, table } from "./output.ts";
import type { CommandRun, Invocation } from "./run.ts";
import { openWorld } from "./world.ts";

type Source = {
  readonly latest: (filter: AuditFilter) => Promise<readonly AuditRow[]>;
  readonly check: (known?: AuditLink) => Promise<AuditCheck>;
};

export const audit: CommandRun = async (invocation) => {
  const { args, options, output, settings } = invocation;
  const [verb] = args;
  if (verb !== undefined && verb !== "verify")
    throw usage(`"${verb}"`, "vm-agent audit, or vm-agent audit verify");
  if (settings.url !== null) return run(invocation, await remote(invocation));
  await using world = await openWorld(settings, { color: output.color, width: output.width });
  return run({ ...invocation, options }, local(world.store().audit));
};

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
  const { entries, cut, end, broken } = check;
  if (output.json) output.out(JSON.stringify({ intact: broken === null, ...check }, null, 2));
  else if (broken) output.out(`${output.paint("bad", "broken")} at entry ${broken.seq}: ${broken.why}`);
  else {
    const from = cut ? ` after entry ${cut.seq}, the last that was pruned` : "";
    output.out(`${output.paint("good", "intact")}: ${entries} entries${from}`);
    if (end)
      output.out(
        `its end is ${end.seq}:${end.hash}; noted elsewhere, it proves later with --anchor that nothing before it was rewritten`,
      );
  }
  return broken ? EXIT.failed : EXIT.done;
}

function row({ seq, at, actor, action, subject, detail }: AuditRow, output: Output): readonly string[] {
  const words = Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  const text = words.length > 100 ? `${words.slice(0, 99)}…` : words;
  const when = new Date(at).toISOString().replace("T", " ").slice(0, 19);
  return [String(seq), when, actor, action, subject, output.paint("dim", printable(text))];
}

/** What somebody called a thing must not move the cursor. */
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");

function anchorOf(value: unknown): AuditLink | undefined {
  if (value === undefined) return undefined;
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(String(value)) ?? [];
  if (seq === undefined || hash === undefined)
    throw usage(`--anchor "${String(value)}"`, "NUMBER:HASH, as vm-agent audit verify prints it");
  return { seq: Number(seq), hash };
}

const local = (store: AuditStore): Source => ({
  latest: async (filter) => store.latest(filter),
  check: async (known) => store.check(known),
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
