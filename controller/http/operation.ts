/** One row of the API's table, and parts that several rows share. */
import type { KnownCode } from "./problem-codes.ts";

export interface Operation {
  readonly id: string;
  readonly method: "get" | "post" | "delete";
  /** In OpenAPI's form: `/tasks/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: readonly Parameter[];
  readonly headers?: readonly Parameter[];
  /** Schema of the body. */
  readonly body?: string;
  /** The answer's status and its schema, or another content type. */
  readonly answer: {
    readonly status: 200 | 202;
    readonly schema?: string;
    /** With a schema: an alternative content type. */
    readonly content?: "text/event-stream" | "text/plain";
    readonly nullable?: true;
  };
  /** Codes of this operation; those of guard and faults are added. */
  readonly codes: readonly KnownCode[];
}

export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export const word = (name: string, description: string): Parameter => ({
  name,
  description,
  schema: { type: "string" },
});
export const limit = (fallback: string): Parameter => ({
  name: "limit",
  description: `Most that one page holds; ${fallback}`,
  schema: { type: "integer", minimum: 1, maximum: 1000 },
});
export const CURSOR = word("cursor", "`next` of the page before; the Link header with rel=next has it too");
export const KEY = word("Idempotency-Key", "Same key and body: the same task. Same key, other body: 409");
export const RESUME = word("Last-Event-ID", "Goes on after this event; ?lastEventId= means the same");
export const EVENT_FILTERS = [
  word("event", "Only events of these names, separated by commas; task.* means all that begin so"),
  word("agent", "Only events of this agent"),
];
export const BODY = ["body-not-json", "body-too-large"] as const;
export const SUBMIT = [
  ...BODY,
  "query-invalid",
  "task-invalid",
  "task-type-not-supported",
  "sudo-not-allowed",
  "agent-unknown",
  "idempotency-conflict",
  "queue-full",
] as const;

export const json = (schema: string) => ({ status: 200, schema }) as const;
export const LOG_LINES: readonly Parameter[] = [
  {
    name: "lines",
    description: "How many; default 100",
    schema: { type: "integer", minimum: 1, maximum: 500 },
  },
  { name: "after", description: "Only lines after this number", schema: { type: "integer", minimum: 0 } },
];
export const EVENTS = { status: 200, content: "text/event-stream" } as const;
