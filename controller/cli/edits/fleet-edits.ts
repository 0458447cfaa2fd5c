/**
 * Edits of fleet files on request: only the requested part changes; an edit that would make the fleet invalid is
 * refused.
 */
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type Settings, trustOf } from "../../base/env.ts";
import { VmAgentError } from "../../base/errors.ts";
import { readPlainFile } from "../../base/plain-file.ts";
import type { Desired, DesiredAgent, PowerState } from "../../core/types.ts";
import { type FleetFiles, filesOnDisk } from "../../fleet/files.ts";
import { reportErrors } from "../../fleet/report.ts";
import { loadFleet } from "../../fleet/source.ts";
import {
  type DocumentKey,
  fieldOf,
  hasDocument,
  removeDocument,
  removeField,
  setField,
} from "../../fleet/edit/edit-yaml.ts";
import { valueText } from "../../fleet/edit/edit-yaml-value.ts";
import { replaceFile } from "./files.ts";
import { type AgentDocument, findDocument, type Look, readFolder } from "./fleet-file.ts";
import { shownPath } from "../output/output.ts";

export interface Edited {
  /** False: the files say so already. */
  readonly changed: boolean;
  /** Absolute path of the agent's document; for several agents, the first one's. */
  readonly document: string;
  /** Absolute paths of changed and removed files. */
  readonly files: readonly string[];
  /** Instances of the document: itself, or its replicas. */
  readonly instances: readonly string[];
  /** The fleet before the edit. */
  readonly settings: Desired["settings"];
}

/** Each rejects with the reason, and changes no file then. Names are those of documents. */
export interface FleetEdits {
  setState(names: Names, state: PowerState): Promise<Edited>;
  setPaused(name: string, paused: boolean): Promise<Edited>;
  /** A `kind: Snapshot` for each, in its own document's file. */
  declareSnapshot(names: Names, snapshot: string, comment?: string): Promise<Edited>;
  /** A new token each time, so that it is restored again. */
  askRestore(name: string, snapshot: string, token: string): Promise<Edited>;
  /** The documents, and the snapshots declared for these agents alone. */
  removeAgent(names: Names): Promise<Edited>;
  /** A new file below the fleet folder, by its path there. */
  addAgent(name: string, file: string, text: string): Promise<Edited>;
}

type Names = string | readonly string[];

/** null: the file is removed. By path relative to the fleet folder. */
type Texts = Map<string, string | null>;

export function createFleetEdits(settings: Settings, look: Look): FleetEdits {
  const { fleet } = settings;
  const find = (name: string, verb: string) => findDocument(settings, look, name, verb);
  const findAll = (names: Names, verb: string) =>
    Promise.all([...new Set([names].flat())].map((name) => find(name, verb)));
  const done = async (found: readonly AgentDocument[], texts: Texts): Promise<Edited> => {
    const [first] = found;
    if (!first) throw new Error("an edit of no agent");
    const changed = new Map([...texts].filter(([file, text]) => text !== textIn(fleet, file)));
    const instances = await instancesOf(settings, look, found);
    if (changed.size > 0) await write(settings, look, changed);
    return {
      changed: changed.size > 0,
      document: first.path,
      files: [...changed.keys()].map((file) => join(fleet, file)),
      instances,
      settings: first.settings,
    };
  };
  /** On top of earlier edits; several agents may share a file. */
  const editing = (texts: Texts, { agent }: AgentDocument, edit: (text: string) => string): Texts => {
    const { file } = agent.source;
    return texts.set(file, withoutMark(texts.get(file) ?? textIn(fleet, file), edit));
  };
  const edited = (found: AgentDocument, edit: (text: string) => string): Texts =>
    editing(new Map(), found, edit);

  return {
    async setState(names, state) {
      const found = await findAll(names, verbOf(state));
      const texts: Texts = new Map();
      for (const one of found)
        if (one.agent.state !== state) editing(texts, one, (text) => setField(text, one.key, "state", state));
      return done(found, texts);
    },

    async setPaused(name, paused) {
      const found = await find(name, paused ? "pause" : "resume");
      const { agent, key } = found;
      if (agent.paused === paused) return done([found], new Map());
      if (paused)
        return done(
          [found],
          edited(found, (text) => setField(text, key, "paused", true)),
        );
      const own = fieldOf(textIn(fleet, agent.source.file).replace(MARK, ""), key, "paused");
      // A comment on the line explains the pause, and is kept.
      if (own !== null && !own.commented) {
        const without = edited(found, (text) => removeField(text, key, "paused"));
        if (!(await isPausedIn(settings, key.name ?? name, without))) return done([found], without);
      }
      // Its profile pauses it too, so it needs its own value.
      return done(
        [found],
        edited(found, (text) => setField(text, key, "paused", false)),
      );
    },

    async declareSnapshot(names, snapshot, comment = "") {
      const found = await findAll(names, "snapshot");
      const desired = await readFolder(settings, look);
      const said = comment === "" ? "" : `comment: ${valueText(comment)}\n`;
      const texts: Texts = new Map();
      for (const one of found) {
        if (desired.snapshots.some((s) => s.name === snapshot && s.agent === one.agent.name)) continue;
        const document = `kind: Snapshot\nname: ${valueText(snapshot)}\nagent: ${valueText(one.agent.document)}\n${said}`;
        editing(texts, one, (text) => appended(text, document));
      }
      return done(found, texts);
    },

    async askRestore(name, snapshot, token) {
      const found = await find(name, "restore");
      return done(
        [found],
        edited(found, (text) => setField(text, found.key, "restore", { snapshot, token })),
      );
    },

    async removeAgent(names) {
      const found = await findAll(names, "destroy");
      const desired = await readFolder(settings, look);
      const documents = found.map(({ agent }) => agent.document);
      for (const { agent } of found) refuseIfNeeded(desired, agent, documents);
      const texts: Texts = new Map();
      const remove = (file: string, key: DocumentKey) => {
        const before = texts.get(file) ?? textIn(fleet, file);
        const mark = before.startsWith(MARK) ? MARK : "";
        const after = removeDocument(before.slice(mark.length), key);
        texts.set(file, after === null ? null : mark + after);
      };
      // Snapshots first: the agent's document may be the only other one of their file.
      for (const name of documents)
        for (const { file, key } of ownSnapshots(fleet, desired, name)) remove(file, key);
      for (const { agent } of found) remove(agent.source.file, { kind: "Agent", name: agent.document });
      return done(found, texts);
    },

    async addAgent(name, file, text) {
      const before = await readFolder(settings, look);
      const texts: Texts = new Map([[file, text]]);
      await write(settings, look, texts);
      const { agents } = await readFolder(settings, look);
      return {
        changed: true,
        document: join(fleet, file),
        files: [join(fleet, file)],
        instances: agents.filter((a) => a.document === name).map((a) => a.name),
        settings: before.settings,
      };
    },
  };
}

const MARK = "\uFEFF";
const textIn = (fleet: string, file: string): string => readPlainFile(join(fleet, file)).toString("utf8");

function withoutMark(text: string, edit: (text: string) => string): string {
  const mark = text.startsWith(MARK) ? MARK : "";
  return mark + edit(text.slice(mark.length));
}

const verbOf = (state: PowerState): string =>
  ({ running: "start", stopped: "stop", suspended: "suspend" })[state];

/** At the end of the file, with the file's line ends. */
function appended(text: string, document: string): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const end = text === "" || text.endsWith("\n") ? "" : eol;
  return `${text}${end}${`---\n${document}`.replaceAll("\n", eol)}`;
}

async function instancesOf(
  settings: Settings,
  look: Look,
  found: readonly AgentDocument[],
): Promise<readonly string[]> {
  const { agents } = await readFolder(settings, look);
  return found.flatMap(({ key }) => agents.filter((a) => a.document === key.name).map((a) => a.name));
}

async function isPausedIn(settings: Settings, name: string, texts: Texts): Promise<boolean> {
  const read = await loadFleet(settings.fleet, { ...trustOf(settings), files: overlay(settings, texts) });
  return read.ok && read.desired.agents.some((a) => a.document === name && a.paused);
}

/** Snapshots declared for this agent by name; those with a selector concern others too. */
function ownSnapshots(
  fleet: string,
  desired: Desired,
  name: string,
): readonly { readonly file: string; readonly key: DocumentKey }[] {
  const whose = [name, ...desired.agents.filter((a) => a.document === name).map((a) => a.name)];
  const found = new Map<string, { readonly file: string; readonly key: DocumentKey }>();
  for (const snapshot of desired.snapshots) {
    const { file } = snapshot.source;
    for (const agent of whose) {
      const key = { kind: "Snapshot", name: snapshot.name, agent };
      if (whose.includes(snapshot.agent) && hasDocument(textIn(fleet, file).replace(MARK, ""), key))
        found.set(`${file} ${snapshot.name} ${agent}`, { file, key });
    }
  }
  return [...found.values()];
}

/** A dependent agent would wait for ever. */
function refuseIfNeeded(
  desired: Desired,
  { source, document: name }: DesiredAgent,
  going: readonly string[],
): void {
  const own = desired.agents.filter((a) => a.document === name).map((a) => a.name);
  const others = desired.agents.filter(
    (a) => !going.includes(a.document) && a.dependsOn.some((d) => own.includes(d)),
  );
  if (others.length === 0) return;
  const names = others.map((a) => a.name).join(", ");
  throw new VmAgentError({
    code: "is-needed",
    message: `"${name}" (${source.file}:${source.line}) is what ${names} ${others.length === 1 ? "depends" : "depend"} on`,
    next: `take it out of dependsOn of ${names} first; no file was changed`,
  });
}

/** The folder as it would be with these texts. */
function overlay({ fleet, home }: Settings, texts: Texts): FleetFiles {
  const disk = filesOnDisk(fleet, home);
  const at = new Map([...texts].map(([file, text]) => [join(fleet, file), text]));
  return {
    list: () => {
      const { files, errors } = disk.list();
      const known = new Set(files.map((f) => f.path));
      const added = [...at].flatMap(([absolute, text]) => {
        const path = relative(fleet, absolute);
        return text === null || known.has(path)
          ? []
          : [{ path, absolute, stamp: "edited", size: text.length }];
      });
      return { errors, files: [...files.filter((f) => texts.get(f.path) !== null), ...added] };
    },
    stamp: (absolute) => (typeof at.get(absolute) === "string" ? "edited" : disk.stamp(absolute)),
    read: (absolute) => {
      const text = at.get(absolute);
      return typeof text === "string" ? Buffer.from(text) : disk.read(absolute);
    },
  };
}

/** Read as the loop would read it, before the file is changed. */
async function write(settings: Settings, look: Look, texts: Texts): Promise<void> {
  const read = await loadFleet(settings.fleet, { ...trustOf(settings), files: overlay(settings, texts) });
  if (!read.ok)
    throw new VmAgentError({
      code: "edit-refused",
      message: `the fleet would be broken by this:\n${reportErrors(read.errors, { ...look, folder: shownPath(settings.fleet) })}`,
      next: "no file was changed",
    });
  for (const [file, text] of texts) {
    const path = join(settings.fleet, file);
    if (text === null) rmSync(path);
    else {
      mkdirSync(dirname(path), { recursive: true });
      replaceFile(path, text);
    }
  }
}
