/** The store of a dashboard: follows the hub's events, reads again what they make stale, notifies subscribers. */
import { type Api, ApiError } from "./api.ts";
import { follow, lostWords } from "./follow.ts";
import { type Action, type Model, emptyModel, reduce } from "./model.ts";

export interface Live {
  readonly api: Api;
  model(): Model;
  subscribe(listener: () => void): () => void;
  /** Reads the tasks now, and again whenever one changes, until the returned function is called. */
  watchTasks(): () => void;
  refresh(): void;
  /** Retries now. */
  reconnect(): void;
  /** After a long silence the stream may be dead without an error, so it is reopened at its last event. */
  lookAgain(): void;
  dispatch(action: Action): void;
  stop(): void;
}

export interface LiveOptions {
  /** The token is not accepted; nothing more is tried. */
  readonly onRefused: (message: string) => void;
  /** False while the dashboard is hidden: nothing is polled then. Absent: always visible. */
  readonly seen?: () => boolean;
}

/** Between two readings of the same thing. */
const SPACING = 300;
/** While the loop works on something, its progress is read at this pace; else the fleet is read again this often. */
const WORKING = 1000;
const RESTING = 15_000;
/** Runtimes report every 30 s. */
const HEARTBEATS = 15_000;

/** The newest tasks that are read. */
export const TASKS_READ = 200;

/** Heartbeats of each agent that are read when the connection begins: enough for a small line in a table. */
const HISTORY = 30;

const SAYS_NOTHING = new Set(["open", "command", "auth.failed"]);

export function createLive(api: Api, { onRefused, seen = () => true }: LiveOptions): Live {
  let model = emptyModel(Date.now());
  let taskWatchers = 0;
  /** An id of no run: the hub answers with all that it still remembers. */
  let lastId = "0-0";
  const listeners = new Set<() => void>();
  const over = new AbortController();
  let stream = new AbortController();

  const dispatch = (action: Action): void => {
    const next = reduce(model, action);
    if (next === model) return;
    model = next;
    for (const listener of listeners) listener();
  };
  const failed = (error: unknown): void => {
    if (over.signal.aborted) return;
    if (error instanceof ApiError && error.status === 401) onRefused(error.message);
    else dispatch({ type: "fleet-failed", message: lostWords(error) });
  };

  /** What the last reading took: a large fleet on a slow line is read more slowly, not all the time. */
  let reading = 0;
  const readFleet = coalesced(async () => {
    const began = Date.now();
    const fleet = await api.getFleet().catch(failed);
    reading = Date.now() - began;
    if (fleet) dispatch({ type: "fleet", fleet, now: Date.now() });
  });
  const readTasks = coalesced(async () => {
    const found = await api.listTasks({ limit: TASKS_READ }).catch(failed);
    if (found) dispatch({ type: "tasks", tasks: found.tasks });
  });
  const readHeartbeats = coalesced(async () => {
    const found = await api.listAgents().catch(failed);
    if (found) dispatch({ type: "health", agents: found.agents });
  });

  /** Where the lines of a chart begin; again after a lost connection, for what was missed. */
  const readHistory = coalesced(async () => {
    const found = await api.listHealth({ points: HISTORY }).catch(failed);
    if (found) dispatch({ type: "history", agents: found.agents });
  });

  const connect = (): void => {
    stream.abort();
    stream = new AbortController();
    follow(api, {
      path: api.eventsPath(),
      from: lastId,
      signal: AbortSignal.any([stream.signal, over.signal]),
      onEvent: (event) => {
        lastId = event.id || lastId;
        dispatch({ type: "event", event, now: Date.now() });
        if (!SAYS_NOTHING.has(event.event)) readFleet();
        if (event.event === "runtime.online") readHeartbeats();
        if (event.event === "task.changed" && taskWatchers > 0) readTasks();
      },
      onConnecting: () => dispatch({ type: "connecting", now: Date.now() }),
      onLive: () => {
        dispatch({ type: "live", now: Date.now() });
        readHistory();
        refresh();
      },
      onLost: (message, retryIn) => {
        const now = Date.now();
        dispatch({ type: "lost", now, message, retryAt: now + retryIn });
      },
    }).catch(failed);
  };
  const refresh = (): void => {
    readFleet();
    readHeartbeats();
    if (taskWatchers > 0) readTasks();
  };

  let fleetRead = 0;
  const timer = setInterval(() => {
    if (!seen() || model.link.status !== "live") return;
    const pace = model.fleet?.agents.some((a) => a.work !== null) ? WORKING : RESTING;
    if (Date.now() - fleetRead < Math.max(pace, 4 * reading)) return;
    fleetRead = Date.now();
    readFleet();
  }, WORKING);
  const heartbeats = setInterval(() => {
    if (seen() && model.link.status === "live") readHeartbeats();
  }, HEARTBEATS);
  connect();

  return {
    api,
    dispatch,
    refresh,
    reconnect: connect,
    lookAgain() {
      dispatch({ type: "looking-again", now: Date.now() });
      connect();
    },
    model: () => model,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    watchTasks() {
      taskWatchers += 1;
      readTasks();
      return () => {
        taskWatchers -= 1;
      };
    },
    stop() {
      over.abort();
      clearInterval(timer);
      clearInterval(heartbeats);
      listeners.clear();
    },
  };
}

/** At most one at a time and not too often; what is asked meanwhile is done once more afterwards. */
function coalesced(work: () => Promise<void>): () => void {
  let state: "idle" | "busy" | "again" = "idle";
  const run = async (): Promise<void> => {
    state = "busy";
    await work();
    await new Promise((resolve) => setTimeout(resolve, SPACING));
    const again = (state as string) === "again";
    state = "idle";
    if (again) void run();
  };
  return () => {
    if (state === "idle") void run();
    else state = "again";
  };
}
