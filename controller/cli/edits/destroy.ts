/**
 * `vm-agent destroy NAME`: removes its document, then its instance. Asks for the name, because its disk is lost for
 * good.
 */
import { createInterface } from "node:readline/promises";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { converge, type Written } from "./converge.ts";
import { createFleetEdits } from "./fleet-edits.ts";
import { readFolder } from "./fleet-file.ts";
import { unknownAgent } from "../names.ts";
import { type Output, counted } from "../output/output.ts";
import { list } from "../plan/plan-now.ts";
import type { CommandRun } from "../command-spec.ts";
import { openContext } from "../system/command-context.ts";

export const destroy: CommandRun = async (invocation) => {
  const { settings, output, options } = invocation;
  const { agents } = await readFolder(settings, output);
  const claims = await claimsOf(invocation);
  const documents = new Set(agents.map((a) => a.document));
  const all = options.all === true;
  if (all === invocation.args.length > 0)
    throw new VmAgentError({
      code: "usage",
      message: all ? "names and --all are given" : "NAME is missing",
      next: "vm-agent destroy NAME…, or vm-agent destroy --all",
      exit: EXIT.usage,
    });
  const declaredAs = new Set(agents.flatMap((a) => [a.name, a.previousName]));
  const args = all
    ? [...documents, ...[...claims.keys()].filter((name) => !declaredAs.has(name))].sort()
    : invocation.args;
  if (args.length === 0) {
    output.out(
      output.json
        ? JSON.stringify({ agents: [], changed: false, files: [], held: [], failed: [], undone: [] })
        : "There is nothing to destroy: the fleet has no agent and no instance.",
    );
    return EXIT.done;
  }
  const instances = new Set(agents.map((a) => a.name));
  for (const name of args)
    if (!documents.has(name) && !instances.has(name) && !claims.has(name))
      throw unknownAgent(name, [...documents, ...claims.keys()]);
  const guarded = args.filter(
    (name) => agents.some((a) => a.document === name && a.protect) || claims.get(name) === true,
  );
  const allowed = list(options.allowDelete);
  if (options.force) {
    // A flag without a name never releases a protected instance.
    const missing = guarded.filter((name) => !allowed.includes(name));
    if (missing.length > 0)
      throw new VmAgentError({
        code: "protected",
        message: `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} protected (protect: true)`,
        next: `vm-agent destroy ${all ? "--all" : args.join(" ")} --force ${missing.map((n) => `--allow-delete ${n}`).join(" ")}; no file was changed`,
        exit: EXIT.held,
      });
  } else await confirmByName(output, args, guarded, all);
  // Without a document there is nothing to edit; its removal is held.
  const declared = args.filter((name) => documents.has(name) || instances.has(name));
  const undeclared = args.filter((name) => !declared.includes(name));
  return converge(invocation, {
    command: `destroy ${all ? "--all" : args.join(" ")}`,
    edit: async (): Promise<Written> => {
      if (declared.length === 0) return { changed: false, files: [], instances: undeclared };
      const edited = await createFleetEdits(settings, output).removeAgent(declared);
      return { ...edited, instances: [...edited.instances, ...undeclared] };
    },
    action: "destroy",
    allowDelete: true,
  });
};

/** name → whether it is protected. */
async function claimsOf({
  settings,
}: Pick<Parameters<CommandRun>[0], "settings">): Promise<ReadonlyMap<string, boolean>> {
  await using world = await openContext(settings, {});
  return new Map(
    world
      .store()
      .claims.list()
      .map((c) => [c.name, c.protect]),
  );
}

async function confirmByName(
  output: Output,
  names: readonly string[],
  guarded: readonly string[],
  all: boolean,
): Promise<void> {
  const again = `vm-agent destroy ${all ? "--all" : names.join(" ")}`;
  if (!process.stdin.isTTY || !output.isTTY)
    throw new VmAgentError({
      code: "not-confirmed",
      message: "confirmation needs a terminal; no file was changed",
      next: [`${again} --force`, ...guarded.map((n) => `--allow-delete ${n}`)].join(" "),
    });
  const questions = createInterface({ input: process.stdin, output: process.stdout });
  try {
    if (all) {
      const which = names
        .map((name) => `  ${name}${guarded.includes(name) ? " (protected)" : ""}\n`)
        .join("");
      const many = counted(names.length, "agent");
      const answer = await questions.question(
        `This destroys all of the fleet, with its disks and its snapshots:\n${which}Type "${many}" to do it: `,
      );
      if (answer.trim() === many) return;
      throw new VmAgentError({
        code: "not-confirmed",
        message: `that is not "${many}"; no file was changed`,
        next: `run ${again} again when you want it`,
      });
    }
    for (const name of names) {
      const note = guarded.includes(name) ? " It is protected." : "";
      const answer = await questions.question(
        `This destroys ${name}, its disk and its snapshots.${note} Type its name to do it: `,
      );
      if (answer.trim() !== name)
        throw new VmAgentError({
          code: "not-confirmed",
          message: `that is not "${name}"; no file was changed`,
          next: `run ${again} again when you want it`,
        });
    }
  } finally {
    questions.close();
  }
}
