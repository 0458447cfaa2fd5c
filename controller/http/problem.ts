/** Errors as RFC 9457 problem documents, with the code and the next step that every face shows. */
import { toVmAgentError, VmAgentError } from "../base/errors.ts";

export interface Problem {
  /** Relative to the API's root; the code is what programs should read. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly next: string;
}

/** Codes that are not a fault of this server. */
const STATUS: Readonly<Record<string, number>> = {
  "agent-declared": 409,
  "agent-name-invalid": 400,
  "agent-unknown": 404,
  "already-ours": 409,
  "body-not-json": 400,
  "body-too-large": 413,
  "body-too-slow": 408,
  "controller-absent": 503,
  "database-busy": 503,
  "database-io": 503,
  "database-read-only": 503,
  "disk-full": 507,
  fenced: 409,
  held: 409,
  "host-not-allowed": 403,
  "idempotency-conflict": 409,
  "instance-missing": 404,
  "letter-unknown": 404,
  "locked-out": 429,
  "message-invalid": 400,
  "method-not-allowed": 405,
  "no-agent-fits": 404,
  "not-authorised": 401,
  "not-declared": 409,
  "not-found": 404,
  "origin-not-allowed": 403,
  "plan-stale": 409,
  "query-invalid": 400,
  "queue-full": 429,
  "still-undeliverable": 409,
  "sudo-not-allowed": 403,
  "task-invalid": 400,
  "task-type-not-supported": 422,
  "task-unknown": 404,
  "too-many-streams": 503,
  unobservable: 503,
  "world-moved": 409,
  "wrong-state": 409,
};

const TITLES: Readonly<Record<number, string>> = {
  400: "The request is not valid",
  401: "Not authorised",
  403: "Not allowed",
  404: "Not found",
  405: "Not allowed here",
  408: "Too slow",
  409: "In conflict with what is there",
  413: "Too large",
  422: "Cannot be done there",
  429: "Too much at once",
  500: "The hub failed",
  503: "Not possible now",
  507: "The disk is full",
};

export function toProblem(error: unknown): Problem {
  const { code, message, next, transient } = toVmAgentError(error);
  const status = STATUS[code] ?? (transient ? 503 : 500);
  return {
    type: `/problems/${code}`,
    title: TITLES[status] ?? "Refused",
    status,
    detail: message,
    code,
    next,
  };
}

export function refusal(code: string, message: string, next: string): VmAgentError {
  return new VmAgentError({ code, message, next });
}
