/** Errors as RFC 9457 problem documents, with the code and the next step that every view shows. */
import { toVmAgentError, VmAgentError } from "../base/errors.ts";
import { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";

const CODES: Readonly<Record<string, ProblemCode | undefined>> = PROBLEM_CODES;

export interface Problem {
  /** Relative to the API's root; programs should read the code. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly next: string;
}

const TITLES: Readonly<Record<number, string>> = {
  400: "The request is not valid",
  401: "Not authorised",
  403: "Not allowed",
  404: "Not found",
  405: "Not with this method",
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
  const { code, message, next, transient, details } = toVmAgentError(error);
  const status = CODES[code]?.status ?? (transient ? 503 : 500);
  return {
    type: `/problems/${code}`,
    title: TITLES[status] ?? "Refused",
    status,
    detail: message,
    code,
    next,
    ...details,
  };
}

export function refusal(code: string, message: string, next: string): VmAgentError {
  return new VmAgentError({ code, message, next });
}
