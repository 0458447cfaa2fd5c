/** A plan in the words of the command line: fields as old → new, what would happen to held items, the last line. Pure. */
import { size } from "./format.ts";
import { actionMark } from "./tones.ts";
import type { ChangeView, HeldView, InstanceView, PlanView } from "./types.ts";

export interface FieldRow {
  readonly field: string;
  /** null: there was nothing. */
  readonly old: string | null;
  readonly new: string;
}

const FIELDS = ["state", "image", "cpu", "memory", "disk", "provision", "config", "mounts"] as const;
type Field = (typeof FIELDS)[number];

export function fieldRows({ before, after, inside }: ChangeView): readonly FieldRow[] {
  if (after === null) return [];
  if (before === null) return [...chosen(after), ...insideRows(inside)];
  const differs = (f: Field): boolean =>
    f === "mounts"
      ? mountsText(before.mounts) !== mountsText(after.mounts)
      : before[f] !== after[f] && after[f] !== undefined;
  return FIELDS.filter(differs).map((f) => ({
    field: f,
    old: text(before, f),
    new: text(after, f),
  }));
}

/** Of a creation: what a person chose. Hashes mean nothing without another to compare with. */
function chosen(after: InstanceView): readonly FieldRow[] {
  const sizes = (["cpu", "memory", "disk"] as const)
    .filter((f) => after[f] !== undefined)
    .map((f) => `${text(after, f)} ${f}`);
  return [
    ...(after.image ? [{ field: "image", old: null, new: after.image }] : []),
    ...(sizes.length > 0 ? [{ field: "size", old: null, new: sizes.join(", ") }] : []),
    ...(after.mounts?.length ? [{ field: "mounts", old: null, new: mountsText(after.mounts) }] : []),
    ...(after.state === "running" ? [] : [{ field: "state", old: null, new: after.state }]),
  ];
}

/** What goes into a new instance. */
function insideRows(inside: ChangeView["inside"] = {}): readonly FieldRow[] {
  const { cloudInit, ...lists } = inside;
  const rows = (["packages", "files", "run", "env", "secrets"] as const).flatMap((field) =>
    lists[field]?.length ? [{ field, old: null, new: lists[field].join(field === "run" ? "; " : ", ") }] : [],
  );
  return cloudInit ? [...rows, { field: "cloudInit", old: null, new: "the document's own" }] : rows;
}

function text(view: InstanceView, field: Field): string {
  if (field === "mounts") return mountsText(view.mounts);
  const value = view[field];
  if (field === "image") return value == null ? "Multipass's default" : String(value);
  if (value == null) return "not known";
  if (field === "memory" || field === "disk") return size(Number(value));
  return field === "provision" || field === "config" ? String(value).slice(0, 8) : String(value);
}

const mountsText = (mounts: InstanceView["mounts"]): string =>
  mounts?.length ? mounts.map((m) => `${m.source} at ${m.target}`).join(", ") : "none";

/** `destroy: its document is gone`, for what is held. */
export function wouldText({ would }: HeldView): string | null {
  if (would === null) return null;
  const [verb = ""] = actionMark(would.action).word.split(/[,:]/);
  const fields =
    would.before === null
      ? ""
      : fieldRows(would)
          .map((r) => `${r.field} ${r.old} → ${r.new}`)
          .join(", ");
  return `${[verb, fields].filter((t) => t !== "").join(" ")}: ${would.why.join("; ")}`;
}

/** Deletions are let through by naming the instance, whatever holds them but these. */
const NOT_BY_NAME = new Set(["foreign", "unproven", "unobservable", "unknown-state", "waiting", "paused"]);

/** Whether a person who names the instance may release its deletion. */
export const releasedByName = ({ would, reason }: HeldView): boolean =>
  (would?.action === "destroy" || would?.action === "replace") && !NOT_BY_NAME.has(reason);

/** The command with which such words begin, without the other ways that they name; null: they begin with none. */
export function commandOf(text: string): string | null {
  return /^vm-agent [^,;(]*[^\s,;(]/.exec(text)?.[0] ?? null;
}

/** `Plan: 2 to create, 1 to change, 0 to destroy, 1 held.` */
export function summary({ counts, changes, held }: PlanView): string {
  if (changes.length === 0 && held.length === 0) return "No changes. The fleet is in sync.";
  const snapshots = counts.snapshot > 0 ? `${counts.snapshot} to snapshot, ` : "";
  return `Plan: ${counts.create} to create, ${counts.change} to change, ${snapshots}${counts.destroy} to destroy, ${counts.held} held.`;
}

export interface HostRow {
  readonly what: string;
  readonly wanted: string;
  readonly host: string;
  readonly over: boolean;
}

/** What the host has to give when all is applied. */
export function hostRows({ totals: { wanted, host } }: PlanView): readonly HostRow[] {
  if (host === null) return [];
  return (["cpu", "memory", "disk"] as const).map((what) => ({
    what,
    wanted: what === "cpu" ? String(wanted.cpu) : size(wanted[what]),
    host: what === "cpu" ? String(host.cpu) : size(host[what]),
    over: wanted[what] > host[what],
  }));
}
