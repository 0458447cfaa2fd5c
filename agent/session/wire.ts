/** The frames that hub and runtime exchange: ARCHITECTURE.md's table as types. */

export const PROTOCOL = 1;

/** What this runtime can do beside tasks; said in hello. */
export const FEATURES = ["messages", "log", "upgrade"] as const;

export const CLOSE = {
  unauthorised: 4001,
  refused: 4003,
  replaced: 4008,
  protocolError: 4009,
  restart: 1012,
} as const;

export interface Frame {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly type: string;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  readonly payload: unknown;
}

export type TaskState = "accepted" | "running" | "finished";

export interface TaskRef {
  readonly taskId: string;
  readonly epoch: number;
  readonly state: TaskState;
}

export interface Policy {
  readonly heartbeatMs: number;
  /** Largest frame that the hub reads; results are cut to fit. */
  readonly maxFrameBytes: number;
  /** Bytes of output that are streamed for one task, both streams together. */
  readonly maxOutputBytes: number;
  /** Bounds of the pause before a lost connection is opened again. */
  readonly reconnectShortestMs: number;
  readonly reconnectLongestMs: number;
}

export interface TaskConfig {
  readonly concurrency: number;
  readonly sudo: boolean;
  readonly user: string;
}

/** What the hub pushes; `hash` is the hub's own word for it. */
export interface PushedConfig {
  readonly hash: string;
  readonly type: string;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly tasks: TaskConfig;
}

/** A task's payload: its id, its epoch and the fields of its type. */
export type TaskPayload = Readonly<Record<string, unknown>> & {
  readonly taskId: string;
  readonly epoch: number;
};

export interface TaskError {
  readonly code: string;
  readonly message: string;
}

export interface TaskResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  /** Bytes that the task wrote and that are not in `stdout` and `stderr` here. */
  readonly droppedBytes: number;
  /** The same for each stream, where there are any; `lines` are the line ends among them. */
  readonly dropped?: Readonly<
    Record<"stdout" | "stderr", { readonly bytes: number; readonly lines: number }>
  >;
  /** Bytes and line ends that the task wrote, both streams together. */
  readonly outputBytes?: number;
  readonly outputLines?: number;
  /** Further fields of some types: `filePath`, `content`, `size`, `encoding`. */
  readonly [field: string]: unknown;
}

export interface ResponsePayload {
  readonly taskId: string;
  readonly epoch: number;
  readonly success: boolean;
  readonly result: TaskResult;
  readonly error?: TaskError;
  /** Milliseconds from start to end. */
  readonly duration: number;
}

export interface OutputPayload {
  readonly taskId: string;
  readonly epoch: number;
  /** 1, 2, 3, … for each execution, both streams together. */
  readonly seq: number;
  readonly stream: "stdout" | "stderr";
  readonly data: string;
  readonly encoding: "utf8" | "base64";
  /** Bytes and line ends of this execution's output before this chunk, both streams together: a jump is a gap. */
  readonly offset: number;
  readonly line: number;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A frame, or null for anything that is not one. */
export function parseFrame(text: string): Frame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || typeof value.type !== "string") return null;
  return {
    id: typeof value.id === "string" ? value.id : "",
    from: typeof value.from === "string" ? value.from : "",
    to: typeof value.to === "string" ? value.to : "",
    type: value.type,
    timestamp: typeof value.timestamp === "number" ? value.timestamp : 0,
    payload: value.payload,
  };
}

/** A result that never ran or whose output is gone. */
export function emptyResult(fields: Partial<TaskResult> = {}): TaskResult {
  return {
    stdout: "",
    stderr: "",
    exitCode: null,
    signal: null,
    timedOut: false,
    cancelled: false,
    droppedBytes: 0,
    ...fields,
  };
}

export function failure(taskId: string, epoch: number, code: string, message: string): ResponsePayload {
  return {
    taskId,
    epoch,
    success: false,
    result: emptyResult({ cancelled: code === "cancelled" }),
    error: { code, message },
    duration: 0,
  };
}
