/** The log of a runtime: read page by page, or followed line by line; a follower requests missing lines by number. */
import { inBackground } from "../../base/background.ts";
import { VmAgentError } from "../../base/errors.ts";
import type { Agent } from "../runtimes/agent.ts";
import { type Payload, word } from "../runtimes/frames.ts";
import { type LogLine, type LogPage, readLogLine, readLogPage } from "../runtimes/guest-input.ts";
import type { Random } from "../random.ts";
import type { Registry } from "../runtimes/registry.ts";

export interface Position {
  readonly id: string;
  readonly seq: number;
}

export interface Follower {
  readonly line: (line: LogLine, log: string) => void;
  /** Older lines were overwritten before they could be read. */
  readonly gap: (lines: number) => void;
  /** Another log: the instance is new, or was restored. */
  readonly reset: () => void;
}

export interface RuntimeLogsDeps {
  readonly registry: Registry;
  readonly random: Random;
  readonly now: () => number;
  readonly answerWithin: number;
  readonly onError: (error: unknown) => void;
}

export type RuntimeLogs = ReturnType<typeof createRuntimeLogs>;

const PAGE = 500;

export function createRuntimeLogs({ registry, random, now, answerWithin, onError }: RuntimeLogsDeps) {
  const asked = new Map<string, { readonly agent: string; readonly answer: (page: LogPage) => void }>();
  const watchers = new Map<string, Set<(line: LogLine | null) => void>>();

  const tell = (agent: string, line: LogLine | null): void => {
    for (const watcher of watchers.get(agent) ?? []) watcher(line);
  };

  /** Errors: `agent-unknown`, `agent-offline` (transient), `log-not-supported`. */
  const read = (id: string, after: number | null, lines: number): Promise<LogPage> => {
    const agent = registry.get(id);
    const connection = agent?.ready;
    if (!agent || !connection) return Promise.reject(offline(id));
    if (!agent.has("log")) return Promise.reject(tooOld(id));
    const request = random.uuid();
    return new Promise((resolve, reject) => {
      const give = () => {
        asked.delete(request);
        clearTimeout(timer);
      };
      const timer = setTimeout(() => {
        give();
        reject(offline(id));
      }, answerWithin);
      const answer = (page: LogPage) => {
        give();
        resolve(page);
      };
      asked.set(request, { agent: id, answer });
      connection.send("log", { request, after, lines });
    });
  };

  return {
    read,

    /** A `log` frame of a runtime: an answer, or a new line. */
    received(agent: Agent, payload: Payload): void {
      const request = word(payload.request, 128);
      if (request === "") {
        const line = readLogLine(payload, now());
        if (line) tell(agent.id, line);
        return;
      }
      const question = asked.get(request);
      // A runtime answers only for itself.
      if (question?.agent === agent.id) question.answer(readLogPage(payload, PAGE, now()));
    },

    /** Followers read the missing lines. */
    online: (agent: Agent): void => tell(agent.id, null),

    /** From `start`, or from the newest `lines`; returns the function that stops it. */
    follow(agent: string, start: Position | null, lines: number, follower: Follower): () => void {
      let at = start;
      let filling = false;
      let again = false;
      let over = false;
      const emit = (line: LogLine, log: string) => {
        at = { id: log, seq: line.seq };
        follower.line(line, log);
      };
      const fill = async (): Promise<void> => {
        if (filling) {
          again = true;
          return;
        }
        filling = true;
        try {
          do {
            again = false;
            // A runtime that does not answer is read when it reconnects.
            const page = await read(agent, at?.seq ?? null, at === null ? lines : PAGE).catch(() => null);
            if (page === null || over) break;
            if (at !== null && (at.id !== page.id || page.last < at.seq)) {
              follower.reset();
              at = { id: page.id, seq: 0 };
              again = true;
              continue;
            }
            if (at !== null && at.seq > 0 && page.first > at.seq + 1) follower.gap(page.first - at.seq - 1);
            for (const line of page.lines) if (at === null || line.seq > at.seq) emit(line, page.id);
            at ??= { id: page.id, seq: page.last };
            if (page.lines.length > 0 && page.last > at.seq) again = true;
          } while (again);
        } finally {
          filling = false;
        }
      };
      const catchUp = () => inBackground(fill(), onError);
      const watcher = (line: LogLine | null) => {
        if (!filling && line !== null && at !== null && line.seq === at.seq + 1) emit(line, at.id);
        else if (line === null || at === null || line.seq > at.seq || filling) catchUp();
      };
      const set = watchers.get(agent) ?? new Set();
      watchers.set(agent, set.add(watcher));
      catchUp();
      return () => {
        over = true;
        set.delete(watcher);
        if (set.size === 0) watchers.delete(agent);
      };
    },
  };
}

const offline = (id: string): VmAgentError =>
  new VmAgentError({
    code: "agent-offline",
    message: `the runtime of "${id}" does not answer`,
    next: `wait until it is back, or read its journal by vm-agent logs ${id} --direct`,
    transient: true,
  });

const tooOld = (id: string): VmAgentError =>
  new VmAgentError({
    code: "log-not-supported",
    message: `the runtime of "${id}" is too old to be asked for its log`,
    next: `read its journal by vm-agent logs ${id} --direct, or upgrade the runtime`,
  });
