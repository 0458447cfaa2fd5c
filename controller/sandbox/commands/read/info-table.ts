// `info` for people.
import type { Instance, Snapshot } from "../../instances/instance.ts";
import { humanSize } from "../../frontend/memory-size.ts";
import { childrenOf, type Detail, localTime } from "./info-detail.ts";

const LABEL_WIDTH = 16;

export function infoTable(details: readonly Detail[]): string {
  const sorted = [...details].sort((a, b) => (a.name < b.name ? -1 : 1));
  const blocks = sorted.flatMap((it) => [
    ...(it.whole ? [instanceBlock(it)] : []),
    ...(it.snapshots ?? []).map((snapshot) => snapshotBlock(snapshot, it.instance)),
  ]);
  return blocks.join("\n") || "No instances found.\n";
}

const line = (label: string, value: string): string => `${label.padEnd(LABEL_WIDTH)}${value || "--"}\n`;

function instanceBlock({ name, instance, state, ipv4, facts }: Detail): string {
  const { title, hash } = instance.image;
  return [
    line("Name:", name),
    line("State:", state),
    line("Snapshots:", String(instance.snapshots.length)),
    line("IPv4:", ipv4.join(`\n${" ".repeat(LABEL_WIDTH)}`)),
    line("Release:", facts?.release ?? ""),
    line("Image hash:", `${hash.slice(0, 12)}${title ? ` (Ubuntu ${title})` : ""}`),
    line("CPU(s):", facts ? String(facts.cpus) : ""),
    line("Load:", facts ? facts.load.map((it) => it.toFixed(2)).join(" ") : ""),
    line("Disk usage:", facts ? `${humanSize(facts.diskUsed)} out of ${humanSize(facts.diskTotal)}` : ""),
    line(
      "Memory usage:",
      facts ? `${humanSize(facts.memoryUsed)} out of ${humanSize(facts.memoryTotal)}` : "",
    ),
    line("Mounts:", mountLines(instance)),
  ].join("");
}

function mountLines(instance: Instance): string {
  const indent = " ".repeat(LABEL_WIDTH);
  const blocks = Object.entries(instance.mounts).map(
    ([target, { source, uids, gids }]) =>
      `${source} => ${target}\n${indent}    UID map: ${uids.join(", ")}\n${indent}    GID map: ${gids.join(", ")}`,
  );
  return blocks.join(`\n${indent}`);
}

function snapshotBlock(snapshot: Snapshot, instance: Instance): string {
  return [
    line("Snapshot:", snapshot.name),
    line("Instance:", instance.name),
    line("CPU(s):", String(snapshot.cpus)),
    line("Disk space:", humanSize(snapshot.disk)),
    line("Memory size:", humanSize(snapshot.memory)),
    line(
      "Mounts:",
      Object.entries(snapshot.mounts)
        .map(([target, { source }]) => `${source} => ${target}`)
        .join(`\n${" ".repeat(LABEL_WIDTH)}`),
    ),
    line("Created:", localTime(snapshot.created)),
    line("Parent:", snapshot.parent),
    line("Children:", childrenOf(snapshot, instance).join(`\n${" ".repeat(LABEL_WIDTH)}`)),
    line("Comment:", snapshot.comment),
  ].join("");
}
