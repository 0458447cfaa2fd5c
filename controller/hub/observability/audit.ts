/** The hub's audit entries. Callers pass names and reasons, never tokens, secrets or task bodies. */
import type { Clock } from "../../base/clock.ts";
import type { AuditStore } from "../../store/store.ts";
import type { Payload } from "../runtimes/frames.ts";

export interface Audit {
  record(actor: string, action: string, subject: string, detail: Payload): Promise<void>;
}

export function createAudit(store: AuditStore, clock: Clock): Audit {
  return {
    record: (actor, action, subject, detail) =>
      store.append({ at: clock.now(), actor, action, subject, detail }),
  };
}
