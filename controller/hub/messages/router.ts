/** Routes a message by sender, address and type. Pure. */

/** An agent, identified by its connection and not by the frame, or the operator (whose messages come `from: "hub"`). */
export type Sender = { readonly type: "operator" } | { readonly type: "agent"; readonly id: string };

export const OPERATOR: Sender = { type: "operator" };

export type Route =
  | { readonly kind: "hub" }
  | { readonly kind: "agents"; readonly ids: readonly string[] }
  | { readonly kind: "undeliverable"; readonly reason: "unknown-recipient" | "type-not-routable" };

/**
 * Names of the hub itself; `host` is the first generation's. No agent may have one of these (schemas/reserved-names).
 */
const HUB = new Set(["", "hub", "host"]);
const EVERYBODY = new Set(["*", "broadcast"]);

/**
 * Types that only hub and operator may send: forwarded between instances they would let one agent run code in another.
 * An agent that wants work done elsewhere uses the operator's API.
 */
const HUB_ONLY = new Set(["hello", "ack", "task", "cancel", "config", "output", "health", "upgrade"]);

export function route(
  message: { readonly to: string; readonly type: string },
  sender: Sender,
  known: (id: string) => boolean,
  all: () => readonly string[],
): Route {
  if (HUB.has(message.to)) return { kind: "hub" };
  if (sender.type === "agent" && HUB_ONLY.has(message.type))
    return { kind: "undeliverable", reason: "type-not-routable" };
  if (EVERYBODY.has(message.to))
    return { kind: "agents", ids: all().filter((id) => sender.type === "operator" || id !== sender.id) };
  if (known(message.to)) return { kind: "agents", ids: [message.to] };
  return { kind: "undeliverable", reason: "unknown-recipient" };
}
