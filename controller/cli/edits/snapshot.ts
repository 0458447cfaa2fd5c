/** `vm-agent snapshot NAME [SNAPSHOT]` and `restore NAME SNAPSHOT`: declare it in the fleet and apply it. */
import { systemClock } from "../../base/clock.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { didYouMean } from "../../../schemas/explain.ts";
import { confirm } from "../output/confirm.ts";
import { converge } from "./converge.ts";
import { createFleetEdits } from "./fleet-edits.ts";
import { readFolder } from "./fleet-file.ts";
import { list } from "../plan/plan-now.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { openContext } from "../system/command-context.ts";

export const snapshot: CommandRun = (invocation) => {
  const { settings, output, args, options } = invocation;
  const [name = "", wanted = `at-${stamp()}`] = args;
  const comment = typeof options.comment === "string" ? options.comment : "";
  return converge(invocation, {
    command: `snapshot ${name} ${wanted}`,
    edit: () => createFleetEdits(settings, output).declareSnapshot(name, wanted, comment),
    action: "snapshot",
  });
};

/** `20261123-0148-09`, local time. */
function stamp(): string {
  const at = new Date(systemClock.now());
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  return `${day}-${two(at.getHours())}${two(at.getMinutes())}-${two(at.getSeconds())}`;
}

export const restore: CommandRun = async (invocation) => {
  const { settings, output, args, options } = invocation;
  const [name = "", wanted = ""] = args;
  const agents = (await readFolder(settings, output)).agents.filter((a) => a.document === name);
  for (const agent of agents) await mustExist(invocation, agent.name, wanted);
  const isProtected = agents.some((a) => a.protect);
  const named = list(options.allowDelete).includes(name);
  if (isProtected && !named)
    throw new VmAgentError({
      code: "protected",
      message: `${name} is protected (protect: true), and this takes its disk back`,
      next: `vm-agent restore ${name} ${wanted} --allow-delete ${name}; no file was changed`,
      exit: EXIT.held,
    });
  if (!options.yes)
    await confirm(
      output,
      `${name} goes back to snapshot "${wanted}"; a snapshot of how it is now is taken first.`,
      `vm-agent restore ${name} ${wanted}`,
    );
  return converge(invocation, {
    command: `restore ${name} ${wanted}`,
    edit: () =>
      createFleetEdits(settings, output).askRestore(name, wanted, new Date(systemClock.now()).toISOString()),
    action: "restore",
    allowDelete: named,
  });
};

/** Checked first: an impossible request would stay in the file and be held for ever. */
async function mustExist({ settings }: Invocation, name: string, wanted: string): Promise<void> {
  await using world = await openContext(settings, {});
  const { driver } = await world.selection();
  const names = ((await driver.snapshots()).get(name) ?? []).map((s) => s.name);
  if (names.includes(wanted)) return;
  const near = didYouMean(wanted, names);
  throw new VmAgentError({
    code: "unknown-snapshot",
    message: `${name} has no snapshot "${wanted}"${near ? `; ${near}` : ""}`,
    next:
      names.length > 0
        ? `there are: ${names.join(", ")}; no file was changed`
        : `vm-agent snapshot ${name} takes one; no file was changed`,
  });
}
