/** The document of `vm-agent create`: the given fields, and defaults for the rest. Pure. */
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { valueText } from "./edit-yaml-value.ts";

export interface Wanted {
  readonly name: string;
  readonly type?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly capabilities?: string;
  readonly image?: string;
  readonly profile?: string;
  readonly label?: readonly string[];
}

/** With a profile, missing fields come from the profile. */
const DEFAULTS = { cpu: "2", memory: "4G", disk: "20G" } as const;

export function createdYaml(wanted: Wanted, schemaLine: string | null): string {
  const { name, type, profile, image, capabilities, label = [] } = wanted;
  const size = (field: keyof typeof DEFAULTS) => wanted[field] ?? (profile ? undefined : DEFAULTS[field]);
  const words = capabilities?.split(",").flatMap((w) => w.trim() || []);
  const field = (key: string, text: string | undefined) => (text === undefined ? [] : [`${key}: ${text}`]);
  const labels = Object.fromEntries(label.map(labelOf));
  return `${[
    ...(schemaLine === null ? [] : [schemaLine]),
    "kind: Agent",
    `name: ${valueText(name)}`,
    ...field("type", type && valueText(type)),
    ...field("capabilities", words && valueText(words)),
    ...field("labels", label.length > 0 ? valueText(labels) : undefined),
    ...field("profile", profile && valueText(profile)),
    ...field("image", image && JSON.stringify(image)),
    ...field("cpu", cpuText(size("cpu"))),
    ...field("memory", sizeText(size("memory"))),
    ...field("disk", sizeText(size("disk"))),
  ].join("\n")}\n`;
}

/** A number as such; anything else unchanged, so that the check of the fleet reports it. */
const cpuText = (text: string | undefined): string | undefined =>
  text === undefined || /^\d+$/.test(text) ? text : JSON.stringify(text);

const sizeText = (text: string | undefined): string | undefined =>
  text === undefined || /^\d+(\.\d+)?[KMGT]i?B?$/.test(text) ? text : JSON.stringify(text);

function labelOf(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new VmAgentError({
    code: "usage",
    message: `--label "${text}" is not KEY=VALUE`,
    next: "vm-agent create NAME --label team=web",
    exit: EXIT.usage,
  });
}
