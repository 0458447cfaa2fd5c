/** `vm-agent reconcile [NAME]`: makes the running loop refresh now; `--accept-rewrite` accepts a rewritten branch. */
import { trustOf } from "../../base/env.ts";
import { shortRevision } from "../../fleet/git/git.ts";
import { createGitReader } from "../../fleet/git/reader.ts";
import { acceptRewrite, branchName } from "../../fleet/git/remote.ts";
import { findHub, needHub } from "../system/home.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { withCliErrors } from "../cli-errors.ts";

export const reconcile: CommandRun = async (invocation) => {
  const { settings, output, args, options } = invocation;
  if (options.acceptRewrite) {
    await accept(invocation);
    // Without a loop nothing can be refreshed; the next one starts from the accepted fleet.
    if ((await findHub(settings)) === null) return 0;
  }
  const { api } = await needHub(settings);
  const answer = await withCliErrors(() => api.reconcile(args));
  if (output.json) output.out(JSON.stringify(answer));
  else output.out(`looking again${args.length > 0 ? ` at ${args.join(", ")}` : ""}`);
  return 0;
};

async function accept({ settings, output }: Invocation): Promise<void> {
  const reader = createGitReader(settings.fleet, trustOf(settings));
  await reader.read();
  const repository = reader.repository();
  const target = reader.target();
  const moved = repository && target ? await acceptRewrite(repository, target) : null;
  if (output.json) return;
  if (target === null) output.out("no branch of a remote is followed, so none is held");
  else if (moved === null) output.out(`${branchName(target)} was not rewritten; nothing is held for that`);
  else
    output.out(
      `${branchName(target)}: ${shortRevision(moved.before)} → ${shortRevision(moved.now)}, accepted`,
    );
}
