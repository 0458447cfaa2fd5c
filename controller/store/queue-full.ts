/** The error of a full message queue, the same for every store. */
import { VmAgentError } from "../base/errors.ts";
import { MESSAGES_PER_RECIPIENT } from "./store.ts";

export function queueFull(to: string): VmAgentError {
  return new VmAgentError({
    code: "queue-full",
    message: `${MESSAGES_PER_RECIPIENT} messages already wait for ${to}`,
    next: "bring the agent back, or wait until the oldest messages expire",
    transient: true,
  });
}
