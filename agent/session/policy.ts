/** The hub's policy for a runtime: intervals and limits. */
import { isRecord, type Policy } from "./wire.ts";

/** In force until the hub's hello sets others. */
export const DEFAULT_POLICY: Policy = {
  heartbeatMs: 30_000,
  maxFrameBytes: 1_048_576,
  maxOutputBytes: 1_048_576,
  reconnectShortestMs: 1_000,
  reconnectLongestMs: 30_000,
};

export function readPolicy(value: unknown): Policy {
  const policy = isRecord(value) ? value : {};
  const positive = (field: keyof Policy, least: number): number => {
    const given = policy[field];
    return typeof given === "number" && Number.isFinite(given)
      ? Math.max(least, given)
      : DEFAULT_POLICY[field];
  };
  const reconnectShortestMs = positive("reconnectShortestMs", 50);
  return {
    heartbeatMs: positive("heartbeatMs", 100),
    maxFrameBytes: positive("maxFrameBytes", 65_536),
    maxOutputBytes: positive("maxOutputBytes", 4_096),
    reconnectShortestMs,
    reconnectLongestMs: positive("reconnectLongestMs", reconnectShortestMs),
  };
}
