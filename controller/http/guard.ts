/**
 * The checks of every request, in order: Host, Origin, operator token. Only wrong tokens are rate limited; /health
 * needs no token.
 */
import type { IncomingMessage } from "node:http";
import { VmAgentError } from "../base/errors.ts";
import { address } from "../hub/runtimes/agent-socket.ts";
import { hostAllowed } from "../hub/auth/hosts.ts";
import type { OperatorAuth } from "../hub/auth/operator.ts";
import { refusal } from "./problem.ts";

export interface GuardDeps {
  readonly operator: OperatorAuth;
  /** Names under which this server may be called; addresses need no entry. */
  readonly hostNames: readonly string[];
  /** Origins of pages that may call, e.g. the dashboard's. */
  readonly origins: () => readonly string[];
}

/** A wrong token from a locked-out address; `retryAfter`: seconds until the lockout ends. */
export class LockedOut extends VmAgentError {
  readonly retryAfter: number;

  constructor(retryAfter: number) {
    super({
      code: "locked-out",
      message: "that is not the operator's token, and too many wrong ones came from this address",
      next: `send the token from the file operator-token in the state folder: it is admitted at once; other tokens get this answer for ${retryAfter} s`,
    });
    this.retryAfter = retryAfter;
  }
}

/** False: the path needs no token. Throws the refusal. */
export function guard(request: IncomingMessage, path: string, deps: GuardDeps): boolean {
  const { headers } = request;
  if (!hostAllowed(headers.host, deps.hostNames)) {
    throw refusal(
      "host-not-allowed",
      "this server is not called by that Host",
      "call it by its address or as localhost",
    );
  }
  if (headers.origin !== undefined && !deps.origins().includes(headers.origin)) {
    throw refusal(
      "origin-not-allowed",
      "web pages may not call this server",
      "use the dashboard, or a program",
    );
  }
  if (path === "/health") return false;
  const verdict = deps.operator.check(headers.authorization, address(request));
  if (verdict.ok) return true;
  switch (verdict.reason) {
    case "locked":
      throw new LockedOut(Math.ceil(verdict.retryAfterMs / 1000));
    case "missing":
    case "wrong":
      throw refusal(
        "not-authorised",
        verdict.reason === "missing" ? "the operator's token is missing" : "that is not the operator's token",
        "send Authorization: Bearer TOKEN; the token is in the state folder, in the file operator-token",
      );
    default: {
      const never: never = verdict;
      throw never;
    }
  }
}
