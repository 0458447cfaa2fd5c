/** Checks a message. */
import { type Problem, problemsOf } from "./explain.ts";
import { validateMessage } from "./generated/message.js";

/** Everything that is wrong with it; empty: the value is a Message of types.ts. */
export function checkMessage(value: unknown): readonly Problem[] {
  return problemsOf(validateMessage, value);
}
