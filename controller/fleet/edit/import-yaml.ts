/** An unowned instance as documents that describe it: only values that were read. */
import { bytes } from "../../core/units.ts";
import { powerOf } from "../../core/diff/fields.ts";
import type { Mount, ObservedInstance, ObservedSnapshot, Size } from "../../core/types.ts";
import { valueText } from "./edit-yaml-value.ts";

export interface Reading {
  readonly instance: ObservedInstance;
  readonly size: Size;
  readonly snapshots: readonly ObservedSnapshot[];
  /** null: not read, because looking into an unresponsive guest can block Multipass. */
  readonly mounts: readonly Mount[] | null;
}

export function importedYaml({ instance, size, snapshots, mounts }: Reading, date: string): string {
  const { name, release } = instance;
  const image = imageOf(release);
  const lines = [
    `# Imported on ${date} from the Multipass instance "${name}" (${release || "unknown image"}), as it was then.`,
    "# vm-agent installs its runtime as soon as the instance runs, and keeps it as this document says.",
    ...(mounts === null
      ? ["# Its mounts were not read; import it while it is stopped to have them here."]
      : []),
    "kind: Agent",
    `name: ${name}`,
    ...(image === null ? [] : [`image: ${valueText(image)}`]),
    `cpu: ${size.cpu}`,
    `memory: ${bytes(size.memory)}`,
    `disk: ${bytes(size.disk)}`,
    `state: ${powerOf(instance.state) ?? "running"}`,
    ...(mounts && mounts.length > 0
      ? ["mounts:", ...mounts.map((m) => `  - ${valueText({ source: m.source, target: m.target })}`)]
      : []),
    "# Its disk cannot be made again. Without this line, removing this document destroys the instance.",
    "protect: true",
  ];
  for (const snapshot of snapshots) {
    lines.push("---", "kind: Snapshot", `name: ${valueText(snapshot.name)}`, `agent: ${name}`);
    if (snapshot.comment !== "") lines.push(`comment: ${valueText(snapshot.comment)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** `24.04` of `Ubuntu 24.04 LTS`; null: not in a form that `launch` accepts. */
const imageOf = (release: string): string | null => /^(?:Ubuntu )?(\d\d\.\d\d)\b/.exec(release)?.[1] ?? null;
