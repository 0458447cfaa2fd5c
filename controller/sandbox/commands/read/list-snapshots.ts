// `list --snapshots`: every snapshot with its parent and its comment.
import type { Format } from "../../frontend/format.ts";
import type { Instance } from "../../instances/instance.ts";
import { qtJson, tableRow } from "../../frontend/output.ts";

export function snapshotList(instances: readonly Instance[], format: Format): string {
  const withSnapshots = instances.filter(({ snapshots }) => snapshots.length > 0);
  if (format === "json") {
    const info = withSnapshots.map(({ name, snapshots }) => [
      name,
      Object.fromEntries(snapshots.map((it) => [it.name, { comment: it.comment, parent: it.parent }])),
    ]);
    return qtJson({ errors: [], info: Object.fromEntries(info) });
  }
  const sorted = [...withSnapshots].sort((a, b) => (a.name < b.name ? -1 : 1));
  const rows = sorted.flatMap(({ name, snapshots }) =>
    [...snapshots].sort((a, b) => a.index - b.index).map((it) => [name, it.name, it.parent, it.comment]),
  );
  if (format !== "table")
    return [["Instance", "Snapshot", "Parent", "Comment"], ...rows].map(csvLine).join("");
  if (rows.length === 0) return "No snapshots found.\n";
  const shown = [
    ["Instance", "Snapshot", "Parent", "Comment"],
    ...rows.map((cells) => cells.map((it) => it || "--")),
  ];
  const widths = [0, 1, 2].map(
    (column) => Math.max(...shown.map((cells) => (cells[column] ?? "").length)) + 3,
  );
  return shown.map((cells) => tableRow(cells, widths)).join("");
}

const csvLine = (cells: readonly string[]): string => `${cells.join(",")}\n`;
