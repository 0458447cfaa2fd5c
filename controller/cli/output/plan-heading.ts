/** The heading of a plan: fleet and revision, driver, number of unowned instances. Pure. */
import { EMPTY, type Line, type Segment, sentence } from "../../views/lines.ts";
import { counted } from "../../core/units.ts";
import { textWidth } from "../../views/text-width.ts";
import type { GitState } from "../../fleet/git/git.ts";
import { gitLines, marked, moved, revisionWords } from "./revision.ts";

export interface Looked {
  readonly version: string;
  /** As a person would type it here. */
  readonly fleet: string;
  readonly revision: string | null;
  readonly git: GitState | null;
  readonly driver: "multipass" | "sandbox";
  /** null: unobservable. */
  readonly instances: { readonly all: number; readonly foreign: number } | null;
  /** What a fleet that follows a remote may use of this machine, in words; absent: no remote. */
  readonly allowed?: string | undefined;
  /** Why the absence of a document proves nothing. */
  readonly guard: string | null;
}

const GAP = "   ";
const INDENT = "  ";

export function planHeading(looked: Looked, width: number): readonly Line[] {
  const { version, fleet, revision, git, driver, guard } = looked;
  const isSandbox = driver === "sandbox";
  const where = isSandbox ? "sandbox (not virtual machines)" : driver;
  const parts: readonly Segment[] = [
    { text: `vm-agent ${version}`, role: "plain" },
    { text: `fleet ${fleet}${revisionWords(revision, git)}`, role: "plain" },
    { text: `${where}, ${seen(looked.instances)}`, role: isSandbox ? "warn" : "plain" },
  ];
  const gap: Segment = { text: GAP, role: "plain" };
  const line = parts.flatMap((part, i) => (i === 0 ? [part] : [gap, part]));
  const fits = line.reduce((sum, s) => sum + textWidth(s.text), 0) <= width;
  return [
    ...(fits ? [line] : parts.flatMap((part, i) => below(part, width, i === 0 ? "" : INDENT))),
    ...gitLines(git, width),
    ...(looked.allowed === undefined ? [] : moved(looked.allowed, width, "dim")),
    EMPTY,
    ...(guard === null ? [] : [...marked(guard, width), EMPTY]),
  ];
}

/** A part on separate lines. */
const below = ({ text, role }: Segment, width: number, indent: string): readonly Line[] =>
  sentence(text, width - indent.length, role, indent.length).map(
    (line): Line => (indent === "" ? line : [{ text: indent, role: "plain" }, ...line]),
  );

function seen(instances: Looked["instances"]): string {
  if (instances === null) return "nothing can be seen";
  const { all, foreign } = instances;
  return `${counted(all, "instance")}${foreign > 0 ? `, ${foreign} not ours` : ""}`;
}
