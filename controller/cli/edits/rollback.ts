/**
 * `vm-agent rollback REV`: restores the fleet folder of a revision in a new commit; shown and confirmed first, then
 * applied.
 */
import { trustOf } from "../../base/env.ts";
import { systemClock } from "../../base/clock.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { counted } from "../../core/units.ts";
import { resolveCommit, shortRevision } from "../../fleet/git/git.ts";
import { createGitReader, type GitFleetReader } from "../../fleet/git/reader.ts";
import { commitRollback, isSameFleet, type RollbackTarget } from "../../fleet/git/rollback.ts";
import { branchName } from "../../fleet/git/remote.ts";
import type { Api } from "../../../ui/client/api.ts";
import { apply } from "../plan/apply.ts";
import { confirm } from "../output/confirm.ts";
import { findHub } from "../system/home.ts";
import { planNow, show } from "../plan/plan-now.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { withCliErrors } from "../cli-errors.ts";
import { openContext } from "../system/command-context.ts";

/** How long the running loop may take to see the new commit; a remote is fetched for that. */
const TAKEN_DEADLINE_MS = 90_000;
const POLL_MS = 200;

export const rollback: CommandRun = async (invocation) => {
  const { settings, output, options, args } = invocation;
  const wanted = args[0] ?? "";
  const reader = createGitReader(settings.fleet, { ...trustOf(settings), mayFetch: async () => true });
  await reader.read();
  const { repository, tip, target } = usable(reader, settings.fleet);
  const revision = await resolveCommit(repository, wanted);
  if (revision === null) {
    throw refused(
      "revision-unknown",
      `"${wanted}" is no revision of this repository`,
      "vm-agent history lists those that were in force, git log all",
    );
  }
  if (await isSameFleet(repository, revision, tip)) {
    if (output.json) output.out(JSON.stringify({ revision, commit: null }));
    else output.out(`nothing to roll back: the fleet is what it was at ${shortRevision(revision)}`);
    return EXIT.done;
  }
  const fleet = await reader.at(revision);
  {
    await using world = await openContext(settings, { color: output.color, width: output.width, fleet });
    const found = await planNow(world, { targets: [], allowDelete: [] });
    if (!output.json) await show(invocation, world, found);
    if (found.observed.instances.kind === "unobservable") return EXIT.unreachable;
  }
  if (!output.json) output.out(`\n${whatNext(target, revision)}`);
  if (!options.yes) await confirm(output, "Roll back?", `vm-agent rollback ${wanted}`);
  const commit = await commitRollback(repository, revision, target);
  if (!output.json) output.out(`committed ${shortRevision(commit)}`);
  const hub = await findHub(settings);
  if (hub) await untilTaken(hub.api, commit);
  return converge(invocation, { revision, commit });
};

function usable(reader: GitFleetReader, fleet: string) {
  const repository = reader.repository();
  const state = reader.state();
  if (repository === null || state === null || state.tip === null) {
    throw refused(
      "no-repository",
      `${fleet} is in no git repository with a commit, so there is nothing to go back to`,
      "run git init and commit the fleet folder; from then on every commit can be gone back to",
    );
  }
  const { uncommitted, problem, tip } = state;
  if (uncommitted.length > 0) {
    const files = counted(uncommitted.length, "file");
    throw refused(
      "not-committed",
      `${files} of the fleet folder ${uncommitted.length === 1 ? "is" : "are"} not committed: ${uncommitted.slice(0, 5).join(", ")}`,
      "commit or discard the edits first, so that nothing is lost",
    );
  }
  if (problem && ["rewritten", "unreachable", "in-progress"].includes(problem.kind))
    throw refused(problem.kind, problem.message, problem.next);
  return { repository, tip, target: targetOf(reader, tip) };
}

function targetOf(reader: GitFleetReader, tip: string): RollbackTarget {
  const { follows = null } = reader.state() ?? {};
  const target = reader.target();
  if (target !== null) return { kind: "remote", target, tip };
  if (follows === null || follows === "HEAD" || reader.isCheckedOut(follows)) return { kind: "head" };
  return { kind: "branch", branch: follows, tip };
}

function whatNext(target: RollbackTarget, revision: string): string {
  const what = `the fleet folder as of ${shortRevision(revision)}`;
  if (target.kind === "remote") return `This commits ${what} to ${branchName(target.target)} and pushes it.`;
  return target.kind === "branch" ? `This commits ${what} to ${target.branch}.` : `This commits ${what}.`;
}

const refused = (code: string, message: string, next: string): VmAgentError =>
  new VmAgentError({ code, message, next });

async function untilTaken(api: Api, commit: string): Promise<void> {
  const end = systemClock.now() + TAKEN_DEADLINE_MS;
  await withCliErrors(() => api.reconcile([], true));
  for (;;) {
    const { revision } = await withCliErrors(() => api.getFleet());
    if (revision === commit) return;
    if (systemClock.now() > end) {
      throw new VmAgentError({
        code: "not-taken",
        message: `the running loop works on ${revision === null ? "no revision" : shortRevision(revision)}, not on ${shortRevision(commit)} yet`,
        next: "the commit stands; vm-agent list shows when the loop has it, and why not",
      });
    }
    await systemClock.sleep(POLL_MS);
  }
}

/** Applies the approved plan, by the running loop or by one of our own; with JSON the result is one value. */
async function converge(
  invocation: Invocation,
  done: { readonly revision: string; readonly commit: string },
): Promise<number> {
  const { output } = invocation;
  const answer: string[] = [];
  const quiet = { ...output, out: (text: string) => void answer.push(text) };
  const code = await apply({
    ...invocation,
    args: [],
    options: { yes: true, quiet: true },
    ...(output.json && { output: quiet }),
  });
  if (output.json) output.out(JSON.stringify({ ...done, ...(JSON.parse(answer.at(-1) ?? "{}") as object) }));
  return code;
}
