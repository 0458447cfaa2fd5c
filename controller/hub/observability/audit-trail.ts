/** Writes bus events to the audit: plans, steps, changing calls of Multipass, and failed authentications. */
import type { AnyEvent, Bus } from "../../base/events.ts";
import type { Audit } from "./audit.ts";
import type { Payload } from "../runtimes/frames.ts";

export interface AuditTrailDeps {
  readonly bus: Bus;
  readonly audit: Audit;
  readonly onError: (error: unknown) => void;
}

interface Entry {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: Payload;
}

/** Read-only calls: they come every minute and change nothing. `exec` is recorded as its own step. */
const LOOKS = ["version", "list", "get", "info", "find", "networks", "help", "exec"];

/**
 * Subscribes until `close`, which resolves when all entries are on disk. Failure messages are left out: they may quote
 * output of a program in a guest, which may hold a secret.
 */
export function keepAuditTrail({ bus, audit, onError }: AuditTrailDeps): { close(): Promise<void> } {
  const writing = new Set<Promise<void>>();
  let lastPlan = "";

  const write = ({ actor, action, subject, detail }: Entry) => {
    const written = audit
      .record(actor, action, subject, detail)
      .catch(onError)
      .finally(() => writing.delete(written));
    writing.add(written);
  };
  const off = bus.onAny((event) => {
    const entry = entryOf(event);
    if (!entry) return;
    if (event.name === "planned") {
      // A plan with holds is repeated every turn.
      const plan = JSON.stringify(event.data);
      if (plan === lastPlan) return;
      lastPlan = plan;
    }
    write(entry);
  });
  return {
    async close() {
      off();
      await Promise.all(writing);
    },
  };
}

function entryOf(event: AnyEvent): Entry | null {
  const { name, data } = event;
  switch (name) {
    case "planned":
      return { actor: "loop", action: "plan", subject: "fleet", detail: { ...data } };
    case "step.done": {
      const { agent, step, durationMs, skipped } = data;
      if (skipped) return null;
      return { actor: "loop", action: "step.done", subject: agent, detail: { step, durationMs } };
    }
    case "step.failed": {
      const { agent, step, retryInMs } = data;
      return { actor: "loop", action: "step.failed", subject: agent, detail: { step, retryInMs } };
    }
    case "agent.adopted":
      return { actor: "loop", action: "adopt", subject: data.agent, detail: {} };
    case "command": {
      const [, verb = "", ...rest] = data.argv;
      if (LOOKS.includes(verb)) return null;
      const { durationMs, exitCode, failure } = data;
      const argv = rest.slice(0, 32).map((word) => word.slice(0, 200));
      return {
        actor: "loop",
        action: "command",
        subject: `multipass ${verb}`,
        detail: { argv, durationMs, exitCode, failure },
      };
    }
    case "auth.failed": {
      const { surface, address, agent = null, reason = null, inNameOf, unknownName, times } = data;
      const detail = {
        surface,
        agent,
        reason,
        ...(inNameOf && { inNameOf }),
        ...(unknownName && { unknownName }),
        ...(times !== undefined && { times }),
      };
      return { actor: "hub", action: "auth.failed", subject: address, detail };
    }
    default:
      return null;
  }
}
