/** `vm-agent create NAME`: writes `fleet/agents/NAME.yaml`, then applies it. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { readPlainFile } from "../../base/plain-file.ts";
import { converge } from "./converge.ts";
import { type Wanted, createdYaml } from "../../fleet/edit/create-yaml.ts";
import { createFleetEdits } from "./fleet-edits.ts";
import { readFolder } from "./fleet-file.ts";
import { shownPath } from "../output/output.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { openContext } from "../system/command-context.ts";

export const create: CommandRun = async (invocation) => {
  const { settings, output, args, options } = invocation;
  const name = args[0] ?? "";
  const file = `agents/${name}.yaml`;
  const text = createdYaml({ name, ...options } as Wanted, schemaLine(join(settings.fleet, "agents")));
  if (options.print) {
    output.out(output.json ? JSON.stringify({ file: join(settings.fleet, file), text }) : text.trimEnd());
    return EXIT.done;
  }
  await mustBeFree(invocation, name, join(settings.fleet, file));
  return converge(invocation, {
    command: `create ${name}`,
    edit: () => createFleetEdits(settings, output).addAgent(name, file, text),
    action: "create",
  });
};

/** Before anything is written: a name that is taken would be held, and never created. */
async function mustBeFree(invocation: Invocation, name: string, path: string): Promise<void> {
  const { settings, output } = invocation;
  const refused = (code: string, message: string, next: string) =>
    new VmAgentError({ code, message, next: `${next}; no file was changed` });
  const desired = await readFolder(settings, output);
  const other = desired.agents.find((a) => a.name === name || a.document === name);
  if (other)
    throw refused(
      "already-declared",
      `${shownPath(join(settings.fleet, other.source.file))}:${other.source.line} declares "${name}" already`,
      "edit that document, or choose another name",
    );
  if (existsSync(path))
    throw refused("file-exists", `${shownPath(path)} exists already`, "move it away, or choose another name");
  await using world = await openContext(settings, {});
  const ours = world.store().claims.get(name) !== undefined;
  const seen = await (await world.selection()).driver.list();
  if (seen.kind === "unobservable" || ours) return;
  const instance = seen.instances.find((i) => i.name === name);
  if (!instance) return;
  if (instance.state === "Deleted")
    throw refused(
      "name-taken",
      `a deleted instance still holds the name "${name}", and it is not ours`,
      `vm-agent multipass recover ${name}, or vm-agent multipass delete --purge ${name}`,
    );
  throw refused(
    "name-taken",
    `an instance "${name}" is there, and vm-agent did not create it`,
    `vm-agent import ${name} makes it ours; or choose another name`,
  );
}

/** The line by which editors complete, as the other documents of that folder have it. */
function schemaLine(folder: string): string | null {
  if (!existsSync(folder)) return null;
  for (const file of readdirSync(folder).sort()) {
    if (!/\.ya?ml$/.test(file)) continue;
    const line = /^# yaml-language-server: \$schema=\S*agent\.schema\.json[ \t]*$/m.exec(
      readPlainFile(join(folder, file)).toString("utf8"),
    );
    if (line) return line[0];
  }
  return null;
}
