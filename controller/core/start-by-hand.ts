/** What a person types to start an instance of which the loop keeps its hands: `start` alone is refused in `Unknown`. */
import type { InstanceState } from "./types.ts";

export function startByHand(name: string, state: InstanceState | "absent" | "unobservable"): string {
  const start = `vm-agent multipass start ${name}`;
  // The lasting state after a launch that timed out, however well the instance came up.
  return state === "Unknown" ? `vm-agent multipass stop --force ${name}, then ${start}` : start;
}
