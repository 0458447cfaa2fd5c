/** Parses the output of the diagnosis script and words it for a condition. Pure. */
import type { Diagnosis } from "../execute/ports.ts";
import { printable } from "../base/printable.ts";
import { type HubAddress, DIAGNOSIS_PARTS, type DiagnosisPart } from "../../provisioning/diagnosis-script.ts";

export interface DiagnosisReport {
  /** From `systemctl show`; empty: systemctl does not answer. */
  readonly unit: Readonly<Record<string, string>>;
  /** Why no Node was found to run it with; empty: there is one, or it was not checked. */
  readonly node: string;
  /** null: cloud-init does not answer. */
  readonly cloudInit: {
    readonly status: string;
    readonly errors: readonly string[];
    readonly warnings: readonly string[];
  } | null;
  readonly provision: readonly string[];
  readonly log: readonly string[];
  readonly hub: readonly { readonly address: string; readonly how: string }[];
}

/** null: the end is missing, so the output was truncated. */
export function readDiagnosisReport(stdout: string): DiagnosisReport | null {
  const parts = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const [, name = "", text = ""] = /^([a-z-]+) ([A-Za-z0-9+/=]*)\r?$/.exec(line) ?? [];
    if (DIAGNOSIS_PARTS.includes(name as DiagnosisPart))
      parts.set(name, Buffer.from(text, "base64").toString("utf8"));
  }
  if (!parts.has("end")) return null;
  const lines = (part: DiagnosisPart) => linesOf(parts.get(part) ?? "");
  return {
    unit: Object.fromEntries(
      lines("unit").map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]),
    ),
    node: lines("node")[0] ?? "",
    cloudInit: readCloudInit(parts.get("cloud-init") ?? ""),
    provision: lines("provision"),
    log: lines("log"),
    hub: lines("hub").flatMap((line) => {
      const [, host = "", port = "", how = ""] = /^(\S+) (\d+) (.*)$/.exec(line) ?? [];
      return host === "" ? [] : { address: `${host}:${port}`, how };
    }),
  };
}

function readCloudInit(text: string): DiagnosisReport["cloudInit"] {
  try {
    const all = JSON.parse(text.slice(text.indexOf("{")));
    const { status, errors, recoverable_errors: kinds } = all.status === undefined ? all.schemas["1"] : all;
    const warnings = Object.entries(typeof kinds === "object" && kinds !== null ? kinds : {}).flatMap(
      ([kind, found]) => (/^(DEPRECATED|INFO|DEBUG)$/.test(kind) ? [] : strings(found)),
    );
    return { status: typeof status === "string" ? status : "", errors: strings(errors), warnings };
  } catch {
    return readPlainCloudInit(text);
  }
}

/** From a cloud-init without JSON output: `status: error`, and below `detail:` or `errors:` the cause. */
function readPlainCloudInit(text: string): DiagnosisReport["cloudInit"] {
  const status = /^status: (\S.*)$/m.exec(text)?.[1];
  if (status === undefined) return null;
  const below = /^(?:detail|errors):\s*\n([\s\S]*)$/m.exec(text)?.[1] ?? "";
  const errors = status === "error" ? linesOf(below).map((line) => line.replace(/^[-\s]*/, "")) : [];
  return { status, errors, warnings: [] };
}

const strings = (value: unknown): readonly string[] =>
  Array.isArray(value) ? [...new Set(value.map((one) => String(one).replace(/\s+/g, " ")))] : [];

const linesOf = (text: string): readonly string[] =>
  text.split("\n").flatMap((line) => {
    const clean = printable(line).trim();
    return clean === "" ? [] : clean;
  });

const LONGEST = 1000;
const LINE = 200;

/** `hide`: exact values to mask, such as an unused join token. */
export function diagnose(diagnosis: DiagnosisReport, name: string, hide: readonly string[] = []): Diagnosis {
  const { node, unit, cloudInit, provision, log, hub } = diagnosis;
  const reached = hub.some(({ how }) => how === "reached");
  const unreached = hub.length > 0 && !reached;
  const found = [
    ...(node === "" ? [] : [node]),
    ...(unreached
      ? [`it cannot reach the hub: ${hub.map((h) => `${h.address} (${h.how})`).join(", ")}`]
      : []),
    unitWords(unit),
    ...(cloudInit ? cloudInitWords(cloudInit) : ["cloud-init does not answer"]),
    ...provision.slice(0, 4),
    ...(reached ? [`it reaches the hub${triedWords(hub)}`] : []),
    ...(node === "" && log.length > 0 ? [`its log ends: ${log.slice(-4).map(cut).join(" | ")}`] : []),
  ];
  const text = redact(found.map(cut).join("; "), hide);
  return {
    found: text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text,
    next: nextOf(diagnosis, name, unreached),
    conclusive: node !== "" && cloudInit?.status !== "running",
  };
}

/** Which of several addresses it was. */
function triedWords(hub: DiagnosisReport["hub"]): string {
  const at = hub.filter(({ how }) => how === "reached").map(({ address }) => address);
  const not = hub.filter(({ how }) => how !== "reached").map(({ address, how }) => `${address} (${how})`);
  return ` at ${at.join(", ")}${not.length > 0 ? `, and not at ${not.join(", ")}` : ""}`;
}

const cut = (line: string): string => (line.length > 4 * LINE ? `${line.slice(0, 4 * LINE - 1)}…` : line);

function unitWords(unit: DiagnosisReport["unit"]): string {
  const { LoadState, ActiveState = "", SubState = "", ExecMainStatus = "0", NRestarts = "0" } = unit;
  if (LoadState === undefined) return "systemd does not answer";
  if (LoadState !== "loaded") return `vm-agent.service is ${LoadState}`;
  const ended = ExecMainStatus === "0" ? "" : `, it ended with ${ExecMainStatus}`;
  const again = NRestarts === "0" ? "" : `, was started again ${NRestarts} times`;
  return `vm-agent.service is ${ActiveState} (${SubState})${ended}${again}`;
}

function cloudInitWords({
  status,
  errors,
  warnings,
}: NonNullable<DiagnosisReport["cloudInit"]>): readonly string[] {
  if (status === "running") return ["cloud-init is still running", ...errors.slice(0, 3)];
  const said = [...errors.slice(0, 3), ...warnings.slice(0, 3).map((line) => `warning: ${line}`)];
  if (said.length > 0) return [`cloud-init: ${status}: ${said.join(", ")}`];
  return status === "done" ? [] : [`cloud-init: ${status || "no result"}`];
}

function nextOf({ node, unit, cloudInit }: DiagnosisReport, name: string, unreached: boolean): string {
  if (node !== "")
    return `choose an image that has it (Ubuntu 24.04, Debian 12), or bring one along in provision.run: "snap install node --classic --channel=22"; one that is installed by hand (vm-agent shell ${name}) is seen within seconds`;
  if (unreached)
    return "let the guests in by the host's firewall, or write hub.advertise in the Fleet document: an address that they reach";
  if (cloudInit?.status === "running")
    return `wait, or see what it does: vm-agent multipass exec ${name} -- tail /var/log/cloud-init-output.log`;
  if (unit.LoadState !== undefined && unit.LoadState !== "loaded")
    return `see what cloud-init says: vm-agent multipass exec ${name} -- sudo cloud-init status --long`;
  return `read its log: vm-agent logs ${name} --direct; look around: vm-agent shell ${name}`;
}

/** Masks known values, values after a revealing word, and anything as long and random as a token. */
function redact(text: string, hide: readonly string[]): string {
  let out = text;
  for (const value of hide) if (value.length >= 6) out = out.replaceAll(value, "***");
  return out
    .replace(
      /\b(token|secret|password|passwd|authorization|api[_-]?key)(["']?\s*[=:]\s*["']?)(Bearer\s+)?[^\s"',;|]+/gi,
      "$1$2***",
    )
    .replace(/\b(?=[A-Za-z0-9_+=-]*\d)(?=[A-Za-z0-9_+=-]*[A-Za-z])[A-Za-z0-9_+=-]{32,}/g, "***");
}

/** The hub's addresses in the guest's settings, as the runtime reads them; without a port there: the hub's own. */
export function hubAddresses(
  settings: Readonly<Record<string, unknown>>,
  hubPort: number,
): {
  readonly hub: readonly HubAddress[];
  /** The port at which the gateway is tried too; null: not tried, because hub and runtime share a machine. */
  readonly gateway: number | null;
} {
  const port = typeof settings.port === "number" ? settings.port : hubPort;
  const all = Array.isArray(settings.hub) ? settings.hub.filter((a) => typeof a === "string") : [];
  const hub = all.flatMap((address) => {
    const [, bracketed, plain, given] =
      /^(?:wss?:\/\/)?(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?(?:[/#].*)?$/.exec(address) ??
      [];
    const host = bracketed ?? plain;
    return host === undefined ? [] : { host, port: given === undefined ? port : Number(given) };
  });
  const isHere = hub.length > 0 && hub.every(({ host }) => /^(127\.|localhost$|::1$)/.test(host));
  return { hub: hub.slice(0, 4), gateway: isHere ? null : port };
}
