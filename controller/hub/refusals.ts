/** Every refusal of the hub that a user sees, with its code and what to do next. */
import { RESERVED_NAMES } from "../../schemas/reserved-names.ts";
import { EXIT, VmAgentError } from "../base/errors.ts";

const error = (code: string, message: string, next: string, transient = false) =>
  new VmAgentError({ code, message, next, transient });

export const refuse = {
  unknownAgent: (id: string) =>
    error(
      "agent-unknown",
      `there is no agent "${id}"`,
      "see GET /agents for the names, or write a document for it under fleet/",
    ),
  agentDeclared: (id: string) =>
    error(
      "agent-declared",
      `"${id}" belongs to the fleet and gets its credential with its instance`,
      "register under another name, or remove its document first",
    ),
  notEnrolled: (id: string) =>
    error(
      "agent-not-enrolled",
      `no instance was launched or adopted for "${id}"`,
      "declare it under fleet/ and let vm-agent apply launch it: its join token comes with it",
    ),
  stillDeclared: (id: string) =>
    error(
      "agent-declared",
      `"${id}" is described under fleet/`,
      "remove its document, or run vm-agent destroy",
    ),
  badName: (id: string) =>
    error(
      "agent-name-invalid",
      `"${id.slice(0, 80)}" cannot be an agent's name`,
      "use letters, digits and hyphens, beginning with a letter, at most 63 characters",
    ),
  reservedName: (id: string) =>
    error(
      "agent-name-reserved",
      `"${id}" is a name that the hub uses itself`,
      `use another name than ${RESERVED_NAMES.join(", ")}`,
    ),
  unknownTask: (id: string) =>
    error("task-unknown", `there is no task "${id}"`, "see GET /tasks; old tasks are pruned by age"),
  ambiguousId: (part: string, ids: readonly string[], isCut: boolean) =>
    new VmAgentError({
      code: "id-ambiguous",
      message: `"${part}" is a part of several ids: ${ids.join(", ")}${isCut ? " and more" : ""}`,
      next: "give the whole id, or a part that only one has",
      exit: EXIT.usage,
      details: { ids },
    }),
  taskInvalid: (problems: readonly { readonly path: string; readonly message: string }[]) =>
    error(
      "task-invalid",
      `the task is not valid: ${problems.map((p) => `${p.path} ${p.message}`).join("; ")}`,
      "correct these fields; GET /openapi.json has the schema of every type of task",
    ),
  notSupported: (agent: string, type: string, supports: readonly string[]) =>
    error(
      "task-type-not-supported",
      `the runtime of "${agent}" does not run tasks of type ${type}; it runs: ${supports.join(", ")}`,
      "send it as one of those types, or upgrade the runtime",
    ),
  sudo: (agent: string) =>
    error(
      "sudo-not-allowed",
      `"${agent}" does not allow tasks with sudo`,
      `set tasks.sudo: true in the document of "${agent}"`,
    ),
  queueFull: (whose: string, bound: number) =>
    error(
      "queue-full",
      `${bound} tasks already wait for ${whose}`,
      "wait until some are done, or cancel some",
      true,
    ),
  keyReused: (key: string, id: string) =>
    error(
      "idempotency-conflict",
      `the idempotency key "${key}" was used for another request (task ${id})`,
      "use a new key for a new request",
    ),
  noAgentFits: (what: string, candidates: readonly { readonly agent: string; readonly reason: string }[]) =>
    new VmAgentError({
      code: "no-agent-fits",
      message: `not possible for ${what}${candidates.length === 0 ? ": there are no agents" : ""}${candidates
        .slice(0, 5)
        .map(({ agent, reason }) => `; ${agent}: ${reason}`)
        .join("")}${candidates.length > 5 ? `; and ${candidates.length - 5} more` : ""}`,
      next: "see GET /agents for what there is, or declare such an agent",
      details: { candidates: candidates.slice(0, 1000) },
    }),
} as const;
