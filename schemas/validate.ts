/** Checks the documents of a fleet. Tasks, messages and plans have their own modules, so that each program loads what it needs. */
import { describe, didYouMean, type Problem, problemsOf } from "./explain.ts";
import { validateAgent, validateFleet, validateProfile, validateSnapshot } from "./generated/documents.js";
import type { AgentDocument, FleetDocument, ProfileDocument, SnapshotDocument } from "./types.ts";

export type { Problem } from "./explain.ts";

export type FleetFileDocument = AgentDocument | SnapshotDocument | ProfileDocument | FleetDocument;
export type DocumentKind = FleetFileDocument["kind"];

const VALIDATORS = {
  Agent: validateAgent,
  Snapshot: validateSnapshot,
  Profile: validateProfile,
  Fleet: validateFleet,
} as const;
export const DOCUMENT_KINDS = Object.keys(VALIDATORS) as readonly DocumentKind[];

/** Everything that is wrong with a document; empty: it is a FleetFileDocument. The document's `kind` chooses the schema. */
export function validateDocument(value: unknown): readonly Problem[] {
  const kinds = DOCUMENT_KINDS.join(", ");
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const allowed = `a mapping with kind: one of ${kinds}`;
    const found = describe(value);
    return [
      {
        pointer: "",
        message: `is ${found}; allowed: ${allowed}`,
        found,
        allowed,
        suggestion: null,
        at: "value",
      },
    ];
  }
  const kind = (value as Readonly<Record<string, unknown>>).kind;
  if (kind === undefined) {
    const message = `is missing; allowed: ${kinds}`;
    return [{ pointer: "/kind", message, found: null, allowed: kinds, suggestion: null, at: "parent" }];
  }
  if (typeof kind === "string" && Object.hasOwn(VALIDATORS, kind)) {
    return problemsOf(VALIDATORS[kind as DocumentKind], value);
  }
  const found = describe(kind);
  const suggestion = typeof kind === "string" ? didYouMean(kind, DOCUMENT_KINDS) : null;
  return [
    {
      pointer: "/kind",
      message: `is ${found}; allowed: ${kinds}`,
      found,
      allowed: kinds,
      suggestion,
      at: "value",
    },
  ];
}
