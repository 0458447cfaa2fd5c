/** Every code of a problem document: HTTP status and meaning. */

export interface ProblemCode {
  readonly status: number;
  readonly when: string;
}

export const PROBLEM_CODES = {
  "agent-declared": { status: 409, when: "the agent belongs to the fleet's files" },
  "agent-name-invalid": { status: 400, when: "the name cannot be an agent's" },
  "agent-name-reserved": { status: 400, when: "the name is one that the hub uses itself" },
  "agent-offline": { status: 503, when: "the agent's runtime does not answer" },
  "agent-not-enrolled": { status: 409, when: "no instance was launched or adopted for the agent" },
  "agent-unknown": { status: 404, when: "there is no such agent" },
  "already-ours": { status: 409, when: "the instance is ours already" },
  "body-not-json": { status: 400, when: "the body is not a JSON object" },
  "body-too-large": { status: 413, when: "the body is larger than the limit" },
  "body-too-slow": { status: 408, when: "the body did not arrive whole" },
  "controller-absent": { status: 503, when: "no reconciliation loop runs in this process" },
  "database-busy": { status: 503, when: "another process holds the database" },
  "database-io": { status: 503, when: "the disk failed" },
  "database-read-only": { status: 503, when: "the database cannot be written" },
  "disk-full": { status: 507, when: "the disk is full" },
  fenced: { status: 409, when: "a newer controller has taken over" },
  held: { status: 409, when: "a guard holds it" },
  "id-ambiguous": { status: 409, when: "several ids begin or end with what was given" },
  "host-not-allowed": { status: 403, when: "the Host header names another server" },
  "idempotency-conflict": { status: 409, when: "the key was used for another request" },
  "instance-missing": { status: 404, when: "there is no such instance" },
  internal: { status: 500, when: "vm-agent itself failed" },
  "letter-unknown": { status: 404, when: "there is no such undeliverable message" },
  "locked-out": {
    status: 429,
    when: "the token is wrong, and too many wrong ones came from this address; Retry-After says for how long",
  },
  "log-not-supported": { status: 422, when: "the agent's runtime is too old to be asked for its log" },
  "method-not-allowed": {
    status: 405,
    when: "the path is there, and not for this method; Allow says for which",
  },
  "message-invalid": { status: 400, when: "a message of that kind is not sent this way" },
  "no-agent-fits": { status: 404, when: "no agent has the capability or fits the selector" },
  "not-authorised": { status: 401, when: "the operator's token is missing or wrong" },
  "not-declared": { status: 409, when: "no document names it" },
  "not-found": { status: 404, when: "there is nothing at that path" },
  "origin-not-allowed": { status: 403, when: "a web page of another origin asks" },
  "plan-stale": { status: 409, when: "the plan is not of this world or fleet any more" },
  "query-invalid": { status: 400, when: "a parameter, header or field is not allowed" },
  "queue-full": { status: 429, when: "as many tasks as are allowed wait already" },
  "still-undeliverable": { status: 409, when: "the message cannot be delivered yet; it stays where it is" },
  "sudo-not-allowed": { status: 403, when: "the agent's document does not allow sudo" },
  "task-invalid": { status: 400, when: "the task does not fit its schema" },
  "task-type-not-supported": { status: 422, when: "the agent's runtime does not run that type" },
  "task-unknown": { status: 404, when: "there is no such task" },
  "too-many-streams": { status: 503, when: "as many live streams as are allowed are open" },
  unobservable: { status: 503, when: "Multipass does not answer in a way that can be trusted" },
  "world-moved": { status: 409, when: "the instance is not as it was when this was asked" },
  "wrong-state": { status: 409, when: "the instance's state does not allow it" },
} as const satisfies Readonly<Record<string, ProblemCode>>;

export type KnownCode = keyof typeof PROBLEM_CODES;

/** The checks that every request passes before its operation. */
export const GUARD_CODES = [
  "host-not-allowed",
  "origin-not-allowed",
  "not-authorised",
  "locked-out",
] as const satisfies readonly KnownCode[];

/** Answers of any operation when disk, database or vm-agent itself fails. */
export const FAULT_CODES = [
  "body-too-slow",
  "database-busy",
  "database-io",
  "database-read-only",
  "disk-full",
  "fenced",
  "internal",
  "unobservable",
] as const satisfies readonly KnownCode[];
