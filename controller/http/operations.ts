/** The API as a table: one row an operation, from which /openapi.json is made and against which the tests hold every answer. */
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
  /** The answer's status and its schema, or another kind of content. */
  readonly answer: {
    readonly status: 200 | 202;
    readonly schema?: string;
    readonly content?: "text/event-stream" | "text/plain";
    readonly nullable?: true;
  };
  /** Codes of this operation's own; guard and faults come beside them. */
  readonly codes: readonly KnownCode[];
}

export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

const word = (name: string, description: string): Parameter => ({
  name,
  description,
  schema: { type: "string" },
});
const limit = (fallback: string): Parameter => ({
  name: "limit",
  description: `Most that one page holds; ${fallback}`,
  schema: { type: "integer", minimum: 1, maximum: 1000 },
});
const CURSOR = word("cursor", "`next` of the page before; the Link header with rel=next has it too");
const KEY = word("Idempotency-Key", "Same key and body: the same task. Same key, other body: 409");
const RESUME = word("Last-Event-ID", "Goes on after this event; ?lastEventId= means the same");
const EVENT_FILTERS = [
  word("event", "Only events of these names, separated by commas; task.* means all that begin so"),
  word("agent", "Only events of this agent"),
];
const BODY = ["body-not-json", "body-too-large"] as const;
const SUBMIT = [
  ...BODY,
  "query-invalid",
  "task-invalid",
  "task-type-not-supported",
  "sudo-not-allowed",
  "agent-unknown",
  "idempotency-conflict",
  "queue-full",
] as const;

const json = (schema: string) => ({ status: 200, schema }) as const;
const LOG_LINES: readonly Parameter[] = [
  {
    name: "lines",
    description: "How many; default 100",
    schema: { type: "integer", minimum: 1, maximum: 500 },
  },
  { name: "after", description: "Only lines after this number", schema: { type: "integer", minimum: 0 } },
];
const EVENTS = { status: 200, content: "text/event-stream" } as const;

export const OPERATIONS: readonly Operation[] = [
  {
    id: "registerAgent",
    method: "post",
    path: "/agents/register",
    summary: "Register a first-generation client",
    body: "Registration",
    answer: json("Registered"),
    codes: [...BODY, "agent-name-invalid", "agent-declared"],
  },
  {
    id: "listAgents",
    method: "get",
    path: "/agents",
    summary: "Agents by name; without limit all of them",
    query: [
      { ...word("status", "Only these"), schema: { enum: ["online", "suspect", "offline"] } },
      word("type", "Only of this type"),
      word("capability", "Only those that have it"),
      word("label", "Only those with the label, as key or key=value; may be repeated"),
      limit("without it: all"),
      CURSOR,
    ],
    answer: json("AgentPage"),
    codes: ["query-invalid"],
  },
  {
    id: "getAgent",
    method: "get",
    path: "/agents/{id}/status",
    summary: "One agent",
    answer: json("AgentAnswer"),
    codes: ["agent-unknown"],
  },
  {
    id: "submitTask",
    method: "post",
    path: "/agents/{id}/task",
    summary: "Give an agent a task; it is on disk before the answer",
    headers: [KEY],
    body: "task",
    answer: json("TaskAccepted"),
    codes: SUBMIT,
  },
  {
    id: "sendMessage",
    method: "post",
    path: "/agents/{id}/messages",
    summary: "Send an agent a message; * or broadcast: all of them",
    body: "MessageRequest",
    answer: json("MessageSent"),
    codes: [...BODY, "agent-unknown", "message-invalid"],
  },
  {
    id: "readLog",
    method: "get",
    path: "/agents/{id}/logs",
    summary: "The newest lines of the runtime's log, or those after a number",
    query: LOG_LINES,
    answer: json("LogPage"),
    codes: ["query-invalid", "agent-unknown", "agent-offline", "log-not-supported"],
  },
  {
    id: "followLog",
    method: "get",
    path: "/agents/{id}/logs/follow",
    summary:
      "The runtime's log as it is written: events log, gap where older lines are gone, reset where another log begins",
    query: LOG_LINES.slice(0, 1),
    headers: [RESUME],
    answer: EVENTS,
    codes: ["query-invalid", "agent-unknown", "too-many-streams"],
  },
  {
    id: "issueJoinToken",
    method: "post",
    path: "/agents/{id}/join-token",
    summary: "A join token for the runtime of an agent of the fleet that lost its credential",
    answer: json("JoinToken"),
    codes: ["agent-not-enrolled"],
  },
  {
    id: "removeAgent",
    method: "delete",
    path: "/agents/{id}",
    summary: "Deregister a first-generation client",
    answer: json("Removed"),
    codes: ["agent-unknown", "agent-declared"],
  },
  {
    id: "submitWhereFits",
    method: "post",
    path: "/tasks",
    summary: "Give a task to whoever fits: capability, selector or agents beside it",
    headers: [KEY],
    body: "TaskTarget",
    answer: json("TasksAccepted"),
    codes: [...SUBMIT, "no-agent-fits"],
  },
  {
    id: "listTasks",
    method: "get",
    path: "/tasks",
    summary: "Tasks, newest first",
    query: [
      word("agent", "Only of this agent"),
      word("type", "Only of this type"),
      word("state", "Only in these states, separated by commas"),
      limit("default 100"),
      CURSOR,
    ],
    answer: json("TaskPage"),
    codes: ["query-invalid"],
  },
  {
    id: "getTask",
    method: "get",
    path: "/tasks/{id}",
    summary: "One task with its result",
    answer: json("TaskAnswer"),
    codes: ["task-unknown"],
  },
  {
    id: "followOutput",
    method: "get",
    path: "/tasks/{id}/output",
    summary: "Its output as it comes: events output, state, and end as the last",
    headers: [RESUME],
    answer: EVENTS,
    codes: ["task-unknown", "too-many-streams"],
  },
  {
    id: "cancelTask",
    method: "post",
    path: "/tasks/{id}/cancel",
    summary: "End a task",
    body: "CancelRequest",
    answer: json("TaskCancelled"),
    codes: [...BODY, "task-unknown"],
  },
  {
    id: "followEvents",
    method: "get",
    path: "/events",
    summary:
      "Everything that happens, live. The first event is `open`, whose id is where the stream stands. A reader that comes back " +
      "by Last-Event-ID gets what it missed; where that is not known any more (the hub was restarted, or it is too long ago) an " +
      "event `reset` says so, what is still remembered follows, and the reader reads the state anew",
    query: EVENT_FILTERS,
    headers: [RESUME],
    answer: EVENTS,
    codes: ["too-many-streams"],
  },
  {
    id: "listEvents",
    method: "get",
    path: "/events/recent",
    summary: "The events that are still remembered, oldest first",
    query: [...EVENT_FILTERS, limit("default 100"), CURSOR],
    answer: json("EventPage"),
    codes: ["query-invalid"],
  },
  {
    id: "getFleet",
    method: "get",
    path: "/fleet",
    summary: "Desired, observed and conditions of every agent",
    answer: json("FleetView"),
    codes: ["controller-absent"],
  },
  {
    id: "getReadings",
    method: "get",
    path: "/fleet/readings",
    summary: "What the runtimes last said",
    answer: json("Readings"),
    codes: [],
  },
  {
    id: "getPlan",
    method: "get",
    path: "/plan",
    summary: "What would be done, and what is held; null before there is a good fleet",
    answer: { status: 200, schema: "plan", nullable: true },
    codes: ["controller-absent"],
  },
  {
    id: "reconcile",
    method: "post",
    path: "/reconcile",
    summary: "Nudge the loop",
    body: "ReconcileRequest",
    answer: { status: 202, schema: "ReconcileAccepted" },
    codes: [...BODY, "controller-absent"],
  },
  {
    id: "apply",
    method: "post",
    path: "/apply",
    summary: "Apply what a person saw in a plan",
    body: "ApplyRequest",
    answer: json("ApplyAccepted"),
    codes: [...BODY, "controller-absent"],
  },
  {
    id: "importInstance",
    method: "post",
    path: "/import",
    summary: "Claim a foreign instance that a document names",
    body: "ImportRequest",
    answer: json("Imported"),
    codes: [
      ...BODY,
      "query-invalid",
      "controller-absent",
      "not-declared",
      "already-ours",
      "instance-missing",
      "wrong-state",
      "world-moved",
    ],
  },
  {
    id: "listAudit",
    method: "get",
    path: "/audit",
    summary: "The audit, oldest first",
    query: [
      word("actor", "Only of this actor"),
      word("action", "Only this action, or those that begin with it, as in task.*"),
      word("subject", "Only with this subject"),
      {
        ...word("order", "newest: the newest first, and then agent and kind filter"),
        schema: { const: "newest" },
      },
      word("agent", "With order=newest: only what concerns this agent"),
      word("kind", "With order=newest: only this action, or those that begin so, as task for task.*"),
      limit("default 100"),
      CURSOR,
    ],
    answer: json("AuditPage"),
    codes: ["query-invalid"],
  },
  {
    id: "verifyAudit",
    method: "get",
    path: "/audit/verify",
    summary: "The first broken link of the audit",
    query: [
      {
        ...word("seq", "A link that was noted earlier and must be there still: its number"),
        schema: { type: "integer" },
      },
      word("hash", "And its hash"),
    ],
    answer: json("AuditVerified"),
    codes: ["query-invalid"],
  },
  {
    id: "rotateOperatorToken",
    method: "post",
    path: "/operator-token",
    summary:
      "Make a new operator token; it lies in the state folder, the one of this request is refused from now on",
    answer: json("TokenRotated"),
    codes: [],
  },
  {
    id: "getStatistics",
    method: "get",
    path: "/admin/stats",
    summary: "Figures of router and agents",
    answer: json("AdminStats"),
    codes: [],
  },
  {
    id: "listDeadLetters",
    method: "get",
    path: "/admin/dlq",
    summary: "Messages that could not be delivered",
    answer: json("DeadLetters"),
    codes: [],
  },
  {
    id: "requeueDeadLetter",
    method: "post",
    path: "/admin/dlq/{id}/requeue",
    summary: "Try an undeliverable message again; if it still cannot be delivered it stays",
    answer: json("Requeued"),
    codes: ["letter-unknown", "still-undeliverable"],
  },
  {
    id: "clearDeadLetters",
    method: "delete",
    path: "/admin/dlq",
    summary: "Forget the messages that could not be delivered",
    answer: json("DeadLettersCleared"),
    codes: [],
  },
  {
    id: "getMetrics",
    method: "get",
    path: "/metrics",
    summary: "Metrics for Prometheus",
    answer: { status: 200, content: "text/plain" },
    codes: [],
  },
  {
    id: "getHealth",
    method: "get",
    path: "/health",
    summary: "Whether the hub runs; the only path without a token",
    answer: json("HubHealth"),
    codes: [],
  },
  {
    id: "getReady",
    method: "get",
    path: "/ready",
    summary: "Whether the hub can write",
    answer: json("HubReady"),
    codes: [],
  },
  {
    id: "getDescription",
    method: "get",
    path: "/openapi.json",
    summary: "This description",
    answer: json("Description"),
    codes: [],
  },
];
