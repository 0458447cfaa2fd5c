/** Snapshot documents to the snapshots of instances. */
import type { SnapshotDocument } from "../../schemas/types.ts";
import { SNAPSHOT_DEFAULTS } from "./desired-values.ts";
import type { DesiredAgent, DesiredSnapshot, SourceRef } from "./types.ts";

/** A document and its place. */
export interface Sourced<T> {
  readonly value: T;
  readonly source: SourceRef;
}

/** Instances that a snapshot document selects, in order of name. */
export function snapshotTargets(
  snapshot: SnapshotDocument,
  agents: readonly DesiredAgent[],
  instances: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const { agent, selector } = snapshot;
  if (agent !== undefined) return instances.get(agent) ?? [];
  if (selector === undefined) return [];
  const labels = Object.entries(selector.labels ?? {});
  const { type, capability } = selector;
  const matches = (candidate: DesiredAgent) =>
    (type === undefined || candidate.type === type) &&
    (capability === undefined || candidate.capabilities.includes(capability)) &&
    labels.every(([key, value]) => Object.hasOwn(candidate.labels, key) && candidate.labels[key] === value);
  return agents.filter(matches).map((candidate) => candidate.name);
}

export function resolveSnapshots(
  documents: readonly Sourced<SnapshotDocument>[],
  agents: readonly DesiredAgent[],
  instances: ReadonlyMap<string, readonly string[]>,
): readonly DesiredSnapshot[] {
  const found = new Map<string, DesiredSnapshot>();
  for (const { value, source } of documents) {
    for (const agent of snapshotTargets(value, agents, instances)) {
      const key = `${agent}.${value.name}`;
      if (found.has(key)) continue;
      found.set(key, {
        name: value.name,
        agent,
        comment: value.comment ?? SNAPSHOT_DEFAULTS.comment,
        ...(value.schedule === undefined
          ? {}
          : { schedule: value.schedule, keep: value.keep ?? SNAPSHOT_DEFAULTS.keep }),
        whenRunning: value.whenRunning ?? SNAPSHOT_DEFAULTS.whenRunning,
        source,
      });
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, snapshot]) => snapshot);
}
