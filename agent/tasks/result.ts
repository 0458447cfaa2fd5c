/** Where an execution's output goes, and the response that the hub gets when it has ended. */
import type { Outcome } from "./exec.ts";
import { LINE_BYTES, type OutputPiece, TaskOutput } from "./output.ts";
import type { Request } from "./request.ts";
import { cutAt, lineEnd, lineEnds, startAt } from "./utf8.ts";
import {
  emptyResult,
  type Policy,
  type ResponsePayload,
  type TaskError,
  type TaskResult,
} from "../session/wire.ts";

/** Of each stream the result keeps the last 256 KiB; the whole, up to the cap, was streamed. */
export const TAIL_BYTES = 262_144;

/** Of paced output so much is on its way to a reader. */
const WINDOW_BYTES = 1_048_576;

/** For the envelope around a response. */
const ENVELOPE_BYTES = 1_024;

/** Where a request's output goes: a file's content is neither streamed nor masked, and must fit into one frame. */
export function outputFor(
  request: Request,
  policy: Policy,
  secrets: readonly string[],
  emit: (piece: OutputPiece) => void,
): TaskOutput {
  if (request.reads === null) {
    const window = request.paced ? { windowBytes: WINDOW_BYTES } : {};
    return new TaskOutput(
      { streamBytes: policy.maxOutputBytes, tailBytes: TAIL_BYTES, ...window },
      secrets,
      emit,
    );
  }
  // One more shows that the file is too large.
  const tailBytes = fileBytes(policy) + 1;
  return new TaskOutput({ streamBytes: policy.maxOutputBytes, tailBytes }, [], () => {});
}

/** Of a file so much fits into a result. */
export const fileBytes = (policy: Policy): number => Math.floor(policy.maxFrameBytes / 2);

export interface Ended {
  readonly taskId: string;
  readonly epoch: number;
  readonly duration: number;
  readonly request: Request;
  readonly outcome: Outcome;
  readonly output: Pick<TaskOutput, "result" | "bytes">;
  /** Bytes of a file that fit into the result. */
  readonly fileBytes: number;
}

export function respond(ended: Ended): ResponsePayload {
  const { taskId, epoch, duration, request, outcome, output } = ended;
  const { exitCode, signal, stopped } = outcome;
  const error = errorOf(ended);
  const clean = exitCode === 0 && error === null;
  const content = clean && request.reads !== null ? contentOf(request.reads, output) : {};
  const streams = request.reads === null ? output.result() : { stderr: output.result().stderr };
  const result = emptyResult({
    ...streams,
    exitCode,
    signal,
    timedOut: stopped === "timed-out",
    cancelled: stopped === "cancelled",
    ...(clean ? request.notes : {}),
    ...(clean && request.warns ? warningsIn(streams.stderr) : {}),
    ...content,
  });
  return { taskId, epoch, success: clean, result, ...(error === null ? {} : { error }), duration };
}

/** Warnings that a result has at most. */
const WARNINGS = 20;

function warningsIn(stderr: string): { readonly warnings?: readonly string[] } {
  const prefix = "warning: ";
  const found = stderr.split("\n").filter((line) => line.startsWith(prefix));
  const warnings = found.slice(-WARNINGS).map((line) => line.slice(prefix.length));
  return warnings.length === 0 ? {} : { warnings };
}

/** An exit code other than 0 is a result and no error of ours: `exitCode` says it. */
function errorOf({ outcome, request, output, fileBytes: most }: Ended): TaskError | null {
  const { error, stopped, signal } = outcome;
  if (error !== null) return error;
  if (stopped === "timed-out") return { code: "timed-out", message: `ended after ${request.timeout} ms` };
  if (stopped === "cancelled") return { code: "cancelled", message: "cancelled while it ran" };
  if (stopped === "interrupted")
    return { code: "interrupted", message: "the runtime was stopped while the task ran" };
  if (signal !== null) return { code: "signal", message: `ended by ${signal}` };
  if (request.reads !== null && output.bytes("stdout").total > most) {
    return { code: "too-large", message: `the file has more than ${most} bytes` };
  }
  return null;
}

function contentOf(
  reads: { readonly filePath: string; readonly encoding: "utf8" | "base64" },
  output: Pick<TaskOutput, "bytes">,
): Readonly<Record<string, unknown>> {
  const { kept } = output.bytes("stdout");
  const text = kept.toString("utf8");
  // A file that is not UTF-8 would come back changed; base64 then, whatever was asked for.
  const encoding = reads.encoding === "utf8" && Buffer.from(text, "utf8").equals(kept) ? "utf8" : "base64";
  return {
    filePath: reads.filePath,
    size: kept.length,
    encoding,
    content: encoding === "utf8" ? text : kept.toString("base64"),
  };
}

/** Shortens the tails until the frame fits; JSON may make six bytes of one. */
export function fit(response: ResponsePayload, maxFrameBytes: number): ResponsePayload {
  let fitted = response;
  const room = Math.max(ENVELOPE_BYTES, maxFrameBytes - ENVELOPE_BYTES);
  for (;;) {
    const { stdout, stderr } = fitted.result;
    if (Buffer.byteLength(JSON.stringify(fitted)) <= room) return fitted;
    if (stdout.length + stderr.length === 0) break;
    fitted = { ...fitted, result: withTails(fitted.result, secondHalf(stdout), secondHalf(stderr)) };
  }
  const { content: _tooLarge, ...rest } = fitted.result;
  if (_tooLarge === undefined) return fitted;
  const error = { code: "too-large", message: "the file does not fit into one frame" };
  return { ...fitted, success: false, result: rest, error };
}

const bytes = (text: string): number => Buffer.byteLength(text, "utf8");
const lines = (text: string): number => lineEnds(Buffer.from(text, "utf8"));

/** The result with shorter tails, and what that takes away counted. */
function withTails(result: TaskResult, stdout: string, stderr: string): TaskResult {
  const nothing = { bytes: 0, lines: 0 };
  const lost = (name: "stdout" | "stderr", tail: string) => ({
    bytes: (result.dropped?.[name] ?? nothing).bytes + bytes(result[name]) - bytes(tail),
    lines: (result.dropped?.[name] ?? nothing).lines + lines(result[name]) - lines(tail),
  });
  const droppedBytes =
    result.droppedBytes + bytes(result.stdout) + bytes(result.stderr) - bytes(stdout) - bytes(stderr);
  const dropped = { stdout: lost("stdout", stdout), stderr: lost("stderr", stderr) };
  return { ...result, stdout, stderr, droppedBytes, ...(droppedBytes > 0 && { dropped }) };
}

/** From the first line that begins in the second half, where one does. */
function secondHalf(text: string): string {
  const whole = Buffer.from(text, "utf8");
  const from = startAt(whole, cutAt(whole, Math.ceil(whole.length / 2)));
  return whole.subarray(lineEnd(whole, from, LINE_BYTES) ?? from).toString("utf8");
}

/** The response without output: what the journal keeps for good. */
export function summarise(response: ResponsePayload): ResponsePayload {
  const { exitCode, signal, timedOut, cancelled, ...output } = withTails(response.result, "", "");
  const { droppedBytes, dropped, outputBytes, outputLines } = output;
  return {
    ...response,
    result: emptyResult({
      exitCode,
      signal,
      timedOut,
      cancelled,
      droppedBytes,
      ...(dropped && { dropped }),
      ...(outputBytes !== undefined && { outputBytes }),
      ...(outputLines !== undefined && { outputLines }),
    }),
  };
}
