/** `vm-agent reconcile [NAME]`: have the running loop look again now; `--accept-rewrite` releases a branch that was rewritten. */
import { trustOf } from "../../base/env.ts";
import { shortRevision } from "../../fleet/git/git.ts";
import { createGitReader } from "../../fleet/git/reader.ts";
import { acceptRewrite, branchName } from "../../fleet/git/remote.ts";
import { findHub, needHub } from "../system/home.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { asked } from "../asked.ts";

export const reconcile: CommandRun = async (invocation) => {
  const { settings, output, args, options } = invocation;
  if (options.acceptRewrite) {
    await accept(invocation);
    // Without a loop there is nobody to look again, and the next one begins with what was accepted.
    if ((await findHub(settings)) === null) return 0;
  }
  const { api } = await needHub(settings);
  const answer = await asked(() => api.reconcile(args));
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
