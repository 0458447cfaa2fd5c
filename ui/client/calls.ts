/**
 * Every operation of the API by its id in /openapi.json, typed by the schemas. The only place that builds API paths.
 */
import type {
  AdminStats,
  AgentAnswer,
  AgentPage,
  ApplyAccepted,
  ApplyRequest,
  AuditPage,
  AuditVerified,
  DeadLetters,
  DeadLettersCleared,
  EventPage,
  FleetView,
  HealthHistories,
  HubHealth,
  HubReady,
  Imported,
  LogPage,
  OutputRange,
  LossesAcknowledged,
  JoinToken,
  MessageRequest,
  MessageSent,
  Plan,
  Readings,
  ReconcileAccepted,
  Registered,
  Removed,
  Requeued,
  TakenOutput,
  TaskAccepted,
  TaskAnswer,
  TaskCancelled,
  TaskPage,
  TokenRotated,
  TasksAccepted,
} from "../../schemas/types.ts";
import type { Transport } from "./transport.ts";

export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

export interface AgentQuery extends PageQuery {
  readonly status?: "online" | "suspect" | "offline";
  readonly type?: string;
  readonly capability?: string;
  /** `key` or `key=value`. */
  readonly label?: readonly string[];
}

export interface LogQuery {
  readonly lines?: number;
}

export interface TaskQuery extends PageQuery {
  readonly agent?: string;
  readonly type?: string;
  readonly state?: readonly string[];
}

export interface EventQuery extends PageQuery {
  /** Names; `task.*` means all that begin so. */
  readonly event?: readonly string[];
  readonly agent?: string;
}

export interface AuditQuery extends PageQuery {
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
  /** `newest`: the newest first; `agent` and `kind` then filter. */
  readonly order?: "newest";
  readonly agent?: string;
  readonly kind?: string;
}

/** Who shall do a task: exactly one field. */
export interface TaskTarget {
  readonly capability?: string;
  readonly selector?: Readonly<Record<string, unknown>>;
  readonly agents?: readonly string[];
}

/** Without what is let through unread. */
type Known<T> = { readonly [K in keyof T as string extends K ? never : K]: T[K] };

export type Calls = ReturnType<typeof createCalls>;

export function createCalls({ get, post, remove }: Transport) {
  const at = (name: string) => `/agents/${encodeURIComponent(name)}`;
  const taskAt = (id: string) => `/tasks/${encodeURIComponent(id)}`;
  return {
    listAgents: (query: AgentQuery = {}) => get<AgentPage>(`/agents${queryOf(query)}`),
    /** CPU, memory and disk of the last hour. */
    listHealth: (query: { readonly agent?: string; readonly points?: number } = {}) =>
      get<HealthHistories>(`/agents/health${queryOf(query)}`),
    getAgentByName: (name: string) => get<AgentAnswer>(at(name)),
    getAgent: (name: string) => get<AgentAnswer>(`${at(name)}/status`),
    registerAgent: (agentId: string, metadata: Readonly<Record<string, unknown>> = {}) =>
      post<Registered>("/agents/register", { agentId, metadata }),
    removeAgent: (name: string) => remove<Removed>(at(name)),
    sendMessage: (name: string, message: Known<MessageRequest>) =>
      post<MessageSent>(`${at(name)}/messages`, message),

    /** `task` is checked by the hub: what a person wrote is passed on as it is. */
    submitTask: (name: string, task: unknown, idempotencyKey?: string) =>
      post<TaskAccepted>(`${at(name)}/task`, task, keyed(idempotencyKey)),
    submitWhereFits: (target: TaskTarget, task: unknown, idempotencyKey?: string) =>
      post<TasksAccepted>("/tasks", { ...target, task }, keyed(idempotencyKey)),
    listTasks: (query: TaskQuery = {}) => get<TaskPage>(`/tasks${queryOf(query)}`),
    getTask: (id: string) => get<TaskAnswer>(taskAt(id)),
    cancelTask: (id: string, reason?: string) =>
      post<TaskCancelled>(`${taskAt(id)}/cancel`, reason === undefined ? {} : { reason }),
    readOutput: (id: string, range: { readonly from?: number; readonly limit?: number } = {}) =>
      get<OutputRange>(`${taskAt(id)}/output${queryOf({ from: 1, ...range })}`),
    /** `after`: `next` of the answer before; empty: from the beginning. */
    takeOutput: (id: string, after = "") => post<TakenOutput>(`${taskAt(id)}/output/take`, { after }),
    /** For `events`: the stream of a task's output. */
    outputPath: (id: string) => `${taskAt(id)}/output`,

    /** For `events`: the live stream. */
    eventsPath: (query: Omit<EventQuery, keyof PageQuery> = {}) => `/events${queryOf(query)}`,
    listEvents: (query: EventQuery = {}) => get<EventPage>(`/events/recent${queryOf(query)}`),

    getFleet: () => get<FleetView>("/fleet"),
    getReadings: () => get<Readings>("/fleet/readings"),
    /** null: there is no good fleet yet. */
    getPlan: () => get<Plan | null>("/plan"),
    /** `wait`: answered when the fleet files have been read. */
    reconcile: (names: readonly string[] = [], wait = false) =>
      post<ReconcileAccepted>("/reconcile", { names, ...(wait && { wait }) }),
    apply: (order: Known<ApplyRequest>) => post<ApplyAccepted>("/apply", order),
    readLog: (id: string, query: LogQuery & { readonly after?: number } = {}) =>
      get<LogPage>(`/agents/${encodeURIComponent(id)}/logs${queryOf(query)}`),
    logPath: (id: string, query: LogQuery = {}) =>
      `/agents/${encodeURIComponent(id)}/logs/follow${queryOf(query)}`,
    importInstance: (name: string, deadline?: number) =>
      post<Imported>("/import", { name }, undefined, deadline),

    listAudit: (query: AuditQuery = {}) => get<AuditPage>(`/audit${queryOf(query)}`),
    /** `known`: a link that was noted earlier and must be there still. */
    verifyAudit: (known?: { readonly seq: number; readonly hash: string }) =>
      get<AuditVerified>(`/audit/verify${queryOf(known ?? {})}`),
    acknowledgeLosses: () => post<LossesAcknowledged>("/audit/acknowledge", {}),
    rotateOperatorToken: () => post<TokenRotated>("/operator-token", {}),
    issueJoinToken: (name: string) => post<JoinToken>(`${at(name)}/join-token`, {}),
    getStatistics: () => get<AdminStats>("/admin/stats"),
    listDeadLetters: () => get<DeadLetters>("/admin/dlq"),
    requeueDeadLetter: (id: string) => post<Requeued>(`/admin/dlq/${encodeURIComponent(id)}/requeue`, {}),
    clearDeadLetters: () => remove<DeadLettersCleared>("/admin/dlq"),
    getHealth: () => get<HubHealth>("/health"),
    getReady: () => get<HubReady>("/ready"),
  };
}

const keyed = (key: string | undefined): Readonly<Record<string, string>> =>
  key === undefined ? {} : { "idempotency-key": key };

/** `?a=1&b=x&b=y`, or nothing. */
function queryOf(query: object): string {
  const pairs = Object.entries(query as Readonly<Record<string, unknown>>)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)] as [string, string]),
    );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}
